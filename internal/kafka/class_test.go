package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// classes has all codes but those that are Refused.
func classes() map[Class][]*kerr.Error {
	return map[Class][]*kerr.Error{
		Transient: {
			kerr.RequestTimedOut, kerr.NetworkException, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable,
			kerr.NotCoordinator, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.NotController,
			kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.OffsetNotAvailable, kerr.ElectionNotNeeded,
			kerr.UnstableOffsetCommit, kerr.ThrottlingQuotaExceeded, kerr.FetchSessionTopicIDError,
			kerr.OffsetMovedToTieredStorage, kerr.ShareSessionLimitReached, kerr.ConcurrentTransactions,
		},
		Leader: {
			kerr.UnknownServerError, kerr.LeaderNotAvailable, kerr.NotLeaderForPartition, kerr.BrokerNotAvailable,
			kerr.ReplicaNotAvailable, kerr.KafkaStorageError, kerr.ListenerNotFound, kerr.FencedLeaderEpoch,
			kerr.UnknownLeaderEpoch, kerr.PreferredLeaderNotAvailable, kerr.EligibleLeadersNotAvailable,
			kerr.RebootstrapRequired, kerr.NewLeaderElected,
		},
		OutOfRange:   {kerr.OffsetOutOfRange},
		Unknown:      {kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InconsistentTopicID},
		InvalidTopic: {kerr.InvalidTopicException},
		Unauthorised: {
			kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
			kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState, kerr.TransactionalIDAuthorizationFailed,
			kerr.SecurityDisabled, kerr.SaslAuthenticationFailed, kerr.DelegationTokenAuthDisabled,
			kerr.DelegationTokenNotFound, kerr.DelegationTokenOwnerMismatch, kerr.DelegationTokenRequestNotAllowed,
			kerr.DelegationTokenAuthorizationFailed, kerr.DelegationTokenExpired, kerr.UnacceptableCredential,
		},
		TooLarge: {kerr.MessageTooLarge, kerr.RecordListTooLarge},
		Corrupt:  {kerr.CorruptMessage, kerr.InvalidRecord},
	}
}

func TestEveryCodeOfKafkaHasItsClass(t *testing.T) {
	want := map[int16]Class{}
	for class, codes := range classes() {
		for _, code := range codes {
			want[code.Code] = class
		}
	}
	known := 0
	for code := int16(-1); code < 1000; code++ {
		err := kerr.TypedErrorForCode(code)
		if err == nil || err.Code != code {
			continue // no error, or none that kerr knows
		}
		known++
		class, listed := want[code]
		if !listed {
			class = Refused
		}
		require.Equal(t, class, Classify(err), err.Message)
		require.Equal(t, class, Classify(fmt.Errorf("wrapped: %w", err)), err.Message)
	}
	// A new code of Kafka's should be thought about, and then be counted here.
	require.Equal(t, 137, known)
}

func TestClassesOfErrorsThatAreNotKafkas(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		name string
		err  error
		want Class
	}{
		{"nothing", nil, None},
		{"closed", kgo.ErrClientClosed, Closed},
		{"closed by us", errors.Wrap(ErrClosed, "describe"), Closed},
		{"refused connection", dial, Transient},
		{"unknown host", &net.DNSError{IsNotFound: true}, Transient},
		{"broken connection", io.ErrUnexpectedEOF, Transient},
		{"first read", &kgo.ErrFirstReadEOF{}, Transient},
		{"time out inside kgo", context.DeadlineExceeded, Transient},
		{"anything", errors.New("anything"), Transient},
		{"decompression", &kgo.ErrDecompressTooLarge{}, TooLarge},
		{"unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, Unauthorised},
		{"expired certificate", x509.CertificateInvalidError{Reason: x509.Expired}, Unauthorised},
		{"wrong host", x509.HostnameError{Certificate: &x509.Certificate{}}, Unauthorised},
		{"plaintext", tls.RecordHeaderError{}, Unauthorised},
		{"certificate refused by the broker", tls.AlertError(42), Unauthorised},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Classify(c.err)) })
	}
}

func TestOnlyClassesThatNeedSomebodyArePermanent(t *testing.T) {
	for class := None; class <= Closed; class++ {
		require.NotEqual(t, "invalid", class.String())
		passes := class <= Unknown
		require.Equal(t, !passes, class.Permanent(), class)
	}
	require.Equal(t, "invalid", (Closed + 1).String())
}
