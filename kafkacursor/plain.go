package kafkacursor

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sendPlain writes the jobs in one go. It returns when Kafka has answered for all of them,
// however long that takes: a value of the next round must not be on its way beside
// one of this. Who waits is told when it takes too long.
func (s *Store) sendPlain(jobs []*job) {
	finished := make([]atomic.Bool, len(jobs))
	var left atomic.Int64
	left.Store(int64(len(jobs)))
	all := make(chan struct{})
	for i, jb := range jobs {
		record := newRecord(s.topic, jb.partition, jb.text, []byte(jb.write.value.text()), jb.write.epoch, s.owner)
		s.cl.Produce(s.ctx, record, func(_ *kgo.Record, err error) {
			finished[i].Store(true)
			jb.done(jb, s.writeError(jb, err))
			if left.Add(-1) == 0 {
				close(all)
			}
		})
	}
	timer := time.NewTimer(s.config.timeout)
	defer timer.Stop()
	select {
	case <-all:
		return
	case <-timer.C:
	}
	for i, jb := range jobs {
		if !finished[i].Load() {
			s.writer.late(jb, s.slowWrite(jb))
		}
	}
	<-all
}

const slowDo = "check that the brokers are up, and that the topic has min.insync.replicas replicas in sync; what was set is kept and tried again"

// writeError makes the error of the user's language of a record that was not
// written.
func (s *Store) writeError(jb *job, err error) error {
	if err == nil {
		return nil
	}
	if isSlow(err) {
		return &Error{Kind: ErrUnreachable, Topic: s.topic, Key: jb.key, Cause: err, Do: slowDo}
	}
	return s.keyed(jb.key, fromError(s.topic, err))
}

func (s *Store) slowWrite(jb *job) error {
	return &Error{
		Kind: ErrUnreachable, Topic: s.topic, Key: jb.key,
		Asked: "the cursor to be written within " + s.config.timeout.String(), Found: "no answer",
		Do: slowDo,
	}
}
