package kafkacursor

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/topics"
)

const (
	// leastCommit is the first version of TxnOffsetCommit that carries the member and its
	// generation (Kafka 2.5). An older one would be taken from anybody.
	leastCommit = 3
	// explicitCommit is the last that needs AddOffsetsToTxn before it, and the last that a cluster with
	// transactions of the first kind knows how to treat.
	explicitCommit = 4
	// implicitCommit is the one that needs it no more. The version after it names topics by ID, which
	// we don't always know.
	implicitCommit = 5

	// What kgo wants to be allowed before it uses transactions of the second kind.
	secondProduce, secondEnd = 12, 5

	transactionVersion = "transaction.version"
	secondTransactions = 2 // KIP-890: an epoch per transaction
)

// versions are those of the requests that a client may use. kgo chooses the kind of transactions by
// itself and tells nobody, but the offsets have to be committed in the same way. So what it may use is limited
// until there is one thing to choose.
type versions struct {
	least, most *kversion.Versions
	implicit    bool
}

// newVersions returns what the user allows, for a cluster that has transactions of the second
// kind or not.
func newVersions(user *kafka.Client, second bool) versions {
	most, _ := user.OptValue(kgo.MaxVersions).(*kversion.Versions)
	if most == nil {
		most = kversion.Tip()
	}
	least, _ := user.OptValue(kgo.MinVersions).(*kversion.Versions)
	v := versions{least: cloneVersions(least), most: cloneVersions(most)}
	allows := func(key kmsg.Key, version int16) bool {
		allowed, ok := most.LookupMaxKeyVersion(int16(key))
		return ok && allowed >= version
	}
	v.implicit = second && allows(kmsg.TxnOffsetCommit, implicitCommit) &&
		allows(kmsg.Produce, secondProduce) && allows(kmsg.EndTxn, secondEnd)
	limit := int16(explicitCommit)
	if v.implicit {
		limit = implicitCommit
	}
	if allows(kmsg.TxnOffsetCommit, limit) {
		v.most.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), limit)
	}
	v.least.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), leastCommit)
	return v
}

func (v versions) opts() []kgo.Opt {
	return []kgo.Opt{kgo.MaxVersions(v.most), kgo.MinVersions(v.least)}
}

// cloneVersions copies the versions, which are the user's.
func cloneVersions(of *kversion.Versions) *kversion.Versions {
	clone := new(kversion.Versions)
	if of != nil {
		of.EachMaxKeyVersion(clone.SetMaxKeyVersion)
	}
	return clone
}

// hasSecondTransactions asks the cluster which kind of transactions it has. It is an error if it takes offsets
// from anybody.
func (s *Store) hasSecondTransactions(ctx context.Context) (bool, error) {
	resp, err := topics.Ask(ctx, s.cl, func(ctx context.Context) (*kmsg.ApiVersionsResponse, error) {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "kreflex", "1"
		return req.RequestWith(ctx, s.cl)
	})
	if err != nil {
		return false, err
	}
	for _, key := range resp.ApiKeys {
		if key.ApiKey == int16(kmsg.TxnOffsetCommit) && key.MaxVersion < leastCommit {
			return false, &Error{
				Kind: ErrRefused, Topic: s.topic, Asked: "a commit of offsets that only a member may make", Found: "brokers that don't ask who it is of",
				Do: "use Kafka 2.5 or later, or WithFencing",
			}
		}
	}
	for _, feature := range resp.FinalizedFeatures {
		if feature.Name == transactionVersion && feature.MaxVersionLevel >= secondTransactions {
			return true, nil
		}
	}
	return false, nil
}
