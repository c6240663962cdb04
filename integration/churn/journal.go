package churn

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
)

// Kind is what an entry is about.
type Kind byte

// The kinds of an entry.
const (
	// Began is a stream that was opened: Offset is that of its first event.
	Began Kind = iota + 1
	// Done is an event that the logic was done with, before its cursor is set.
	Done
)

// Entry is what a worker did.
type Entry struct {
	Kind      Kind
	Partition int32
	Offset    int64
	At        time.Time
}

// Journal is a file of entries. Each is one write to the operating system, which keeps it when the process is killed.
type Journal struct {
	mu   sync.Mutex
	file *os.File
}

const entrySize = 24

// OpenJournal opens a new journal.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	return &Journal{file: file}, err
}

// Append writes an entry. When it returns nil, the entry survives the process.
func (l *Journal) Append(e Entry) error {
	var b [entrySize]byte
	b[0] = byte(e.Kind)
	binary.LittleEndian.PutUint32(b[4:], uint32(e.Partition))
	binary.LittleEndian.PutUint64(b[8:], uint64(e.Offset))
	binary.LittleEndian.PutUint64(b[16:], uint64(e.At.UnixNano()))
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.file.Write(b[:])
	return errors.Wrap(err, "append to journal")
}

// Close closes the file.
func (l *Journal) Close() error { return l.file.Close() }

// ReadJournal returns what a journal holds. An entry that is torn at the end had not been written.
func ReadJournal(path string) ([]Entry, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.Wrap(err, "read journal")
	}
	entries := make([]Entry, 0, len(content)/entrySize)
	for ; len(content) >= entrySize; content = content[entrySize:] {
		entries = append(entries, Entry{
			Kind:      Kind(content[0]),
			Partition: int32(binary.LittleEndian.Uint32(content[4:])),
			Offset:    int64(binary.LittleEndian.Uint64(content[8:])),
			At:        time.Unix(0, int64(binary.LittleEndian.Uint64(content[16:]))),
		})
	}
	return entries, nil
}
