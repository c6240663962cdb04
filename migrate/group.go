package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/groups"
	"github.com/kreflex/kreflex/kafkastream"
)

// groupTimeout bounds each question to the brokers about a group.
const groupTimeout = 10 * time.Second

// Group returns the offset that a consumer group has committed for a partition as a cursor, whatever
// the name of the consumer is.
//
// A group commits the next offset to read, so n becomes the cursor n-1 with the leader
// epoch that was committed with it, and back. No commit, and 0, are "", the start of the log: what the
// group's auto.offset.reset would make of it is not known here. n-1 may be the offset of a marker, which
// is a cursor like any other.
//
// Cursors are moved from and to groups without members only: those would go on committing, and Kafka
// refuses commits of others. Metadata that is committed with the offset stays there.
func Group(kafkaOpts []kgo.Opt, group, topic string, partition int32) SettableCursors {
	return groupCursors{kafka: slices.Clone(kafkaOpts), group: group, topic: topic, partition: partition}
}

type groupCursors struct {
	kafka     []kgo.Opt
	group     string
	topic     string
	partition int32
}

func (g groupCursors) error(kind error, asked string) *Error {
	return &Error{Kind: kind, Topic: g.topic, Partition: g.partition, Asked: asked}
}

// with asks the brokers with a client of its own: cursors of groups are rarely asked for.
func (g groupCursors) with(ctx context.Context, asked string, fn func(context.Context, *kadm.Client) error) error {
	if g.group == "" {
		e := g.error(ErrInvalidOption, "a consumer group without a name")
		e.Do = "give its name"
		return e
	}
	client, err := newClient(g.kafka, g.topic, g.partition)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client.Client)
	_, err = ask(ctx, client, groupTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx, admin) })
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return failure(g.topic, g.partition, fmt.Sprintf("%s of consumer group %q", asked, g.group), err)
}

// Cursor returns what the group has committed.
func (g groupCursors) Cursor(ctx context.Context, _ string) (cursor string, err error) {
	err = g.with(ctx, "the committed offset", func(ctx context.Context, admin *kadm.Client) error {
		committed, err := g.committed(ctx, admin)
		if err != nil || committed.At <= 0 {
			cursor = ""
			return err
		}
		id, err := g.topicID(ctx, admin)
		cursor = kafkastream.Cursor{Offset: committed.At - 1, TopicID: id, LeaderEpoch: committed.LeaderEpoch}.String()
		return err
	})
	return cursor, err
}

// committed returns the group's offset, -1 if there is none.
func (g groupCursors) committed(ctx context.Context, admin *kadm.Client) (kadm.Offset, error) {
	none := kadm.Offset{At: -1, LeaderEpoch: -1}
	// An offset that a transaction commits just now must be waited for: the one before would
	// repeat what its outputs have.
	responses, err := admin.FetchOffsets(kadm.RequireStable(ctx), g.group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	response, ok := responses.Lookup(g.topic, g.partition)
	if !ok {
		return none, nil
	}
	return response.Offset, response.Err
}

func (g groupCursors) topicID(ctx context.Context, admin *kadm.Client) (id [16]byte, err error) {
	topics, err := admin.ListTopics(ctx, g.topic)
	if err != nil {
		return id, err
	}
	detail, ok := topics[g.topic]
	if !ok {
		return id, kerr.UnknownTopicOrPartition
	}
	return detail.ID, detail.Err
}

// MoveCursor commits the offset behind the cursor. It returns an error that is ErrGroupActive if the group
// has members.
func (g groupCursors) MoveCursor(ctx context.Context, _, cursor string) error {
	at, err := kafkastream.ParseCursor(cursor)
	if err != nil {
		return err
	}
	if err := g.idle(ctx); err != nil {
		return err
	}
	return g.with(ctx, "a commit", func(ctx context.Context, admin *kadm.Client) error {
		present, err := g.committed(ctx, admin)
		if err != nil {
			return err
		}
		var commit kadm.Offsets
		commit.Add(kadm.Offset{
			Topic: g.topic, Partition: g.partition, At: at.Offset + 1, LeaderEpoch: at.LeaderEpoch, Metadata: present.Metadata,
		})
		err = admin.CommitAllOffsets(ctx, g.group, commit)
		if errors.IsAny(err, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.StaleMemberEpoch, kerr.RebalanceInProgress) {
			return g.active("somebody", err) // who came after we looked
		}
		return err
	})
}

func (g groupCursors) active(members string, cause error) error {
	e := g.error(ErrGroupActive, fmt.Sprintf("consumer group %q to be at rest", g.group))
	e.Found, e.Cause = members, cause
	e.Do = "stop its members, wait until they have left (session.timeout.ms if they were killed), then try again"
	return e
}

// idle returns an error that is ErrGroupActive and names the members if there are any.
func (g groupCursors) idle(ctx context.Context) error {
	return g.with(ctx, "the members", func(ctx context.Context, admin *kadm.Client) error {
		members, err := groups.Members(ctx, admin, g.group)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return g.active(strings.Join(members, ", "), nil)
		}
		return nil
	})
}
