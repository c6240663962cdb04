package tally

import (
	"encoding/binary"
	"os"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// Journal is a file to which a consumer writes what it did, before its cursor
// is set, and another one for the writes of its cursor. Each entry is one write to
// the operating system, which keeps it when the process is killed; there is no
// sync, so a crash of the machine may lose it.
//
// Append is for one goroutine, and AppendWrite for one, which may be another.
type Journal struct {
	done, writes *os.File
	entry        [entrySize]byte
	write        [writeSize]byte
}

const (
	// An entry is offset, time in nanoseconds since 1970 and sum, little endian.
	entrySize = 24
	// A write is when it began, and when it ended or 0.
	writeSize = 16

	writesSuffix = ".writes"
)

// OpenJournal opens a journal for appending and creates it if it is missing.
func OpenJournal(path string) (*Journal, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	done, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, errors.Wrap(err, "open journal", j.KV("path", path))
	}
	writes, err := os.OpenFile(path+writesSuffix, flags, 0o600)
	if err != nil {
		return nil, errors.Join(errors.Wrap(err, "open journal", j.KV("path", path)), done.Close())
	}
	return &Journal{done: done, writes: writes}, nil
}

// Append writes an entry. When it returns nil, the entry survives the process.
func (l *Journal) Append(e Consumed) error {
	putEntry(l.entry[:], e)
	if _, err := l.done.Write(l.entry[:]); err != nil {
		return errors.Wrap(err, "append to journal", j.KV("offset", e.Offset))
	}
	return nil
}

// AppendWrite says that a write of the cursor began, and when called again with
// the same time and an end, that it was acknowledged.
func (l *Journal) AppendWrite(w Write) error {
	putWrite(l.write[:], w)
	if _, err := l.writes.Write(l.write[:]); err != nil {
		return errors.Wrap(err, "append to journal")
	}
	return nil
}

// Close closes the files.
func (l *Journal) Close() error { return errors.Join(l.done.Close(), l.writes.Close()) }

// ReadJournal returns what a journal holds; a missing one holds nothing.
func ReadJournal(path string) ([]Consumed, []Write, error) {
	entries, err := readMissing(path)
	if err != nil {
		return nil, nil, err
	}
	writes, err := readMissing(path + writesSuffix)
	if err != nil {
		return nil, nil, err
	}
	return parseEntries(entries), parseWrites(writes), nil
}

func readMissing(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Wrap(err, "read journal", j.KV("path", path))
	}
	return content, nil
}

// JournalSize returns how many entries a file of so many bytes holds.
func JournalSize(bytes int64) int { return int(bytes / entrySize) }

// parseEntries drops a torn entry at the end: its Append had not returned, so
// the consumer was not done with the event.
func parseEntries(content []byte) []Consumed {
	entries := make([]Consumed, len(content)/entrySize)
	for i := range entries {
		entries[i] = getEntry(content[i*entrySize:])
	}
	return entries
}

func parseWrites(content []byte) []Write {
	var writes []Write
	for ; len(content) >= writeSize; content = content[writeSize:] {
		writes = AddWrite(writes, getWrite(content))
	}
	return writes
}

func putEntry(b []byte, e Consumed) {
	binary.LittleEndian.PutUint64(b, uint64(e.Offset))
	binary.LittleEndian.PutUint64(b[8:], uint64(e.At.UnixNano()))
	binary.LittleEndian.PutUint64(b[16:], e.Sum)
}

func getEntry(b []byte) Consumed {
	return Consumed{
		Offset: int64(binary.LittleEndian.Uint64(b)),
		At:     time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:]))),
		Sum:    binary.LittleEndian.Uint64(b[16:]),
	}
}

func putWrite(b []byte, w Write) {
	binary.LittleEndian.PutUint64(b, uint64(w.Began.UnixNano()))
	var ended uint64
	if !w.Ended.IsZero() {
		ended = uint64(w.Ended.UnixNano())
	}
	binary.LittleEndian.PutUint64(b[8:], ended)
}

func getWrite(b []byte) Write {
	w := Write{Began: time.Unix(0, int64(binary.LittleEndian.Uint64(b)))}
	if ended := int64(binary.LittleEndian.Uint64(b[8:])); ended != 0 {
		w.Ended = time.Unix(0, ended)
	}
	return w
}
