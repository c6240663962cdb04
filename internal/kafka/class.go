package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Class is what an error of a request asks of the one who made it.
type Class int

const (
	// None is the class of no error.
	None Class = iota
	// Transient goes away by itself: retry after a pause. Errors that nobody
	// knows are taken for it, connections that broke, and brokers that are not
	// reachable.
	Transient
	// Leader means that the broker asked is not, or no longer, the one to
	// ask: look at fresh metadata, then retry.
	Leader
	// OutOfRange means that the position is not in the log as this broker sees it.
	OutOfRange
	// Unknown means that the broker doesn't know the topic or partition, which
	// is also what it says before it hears of a new one: look at fresh metadata.
	Unknown
	// InvalidTopic means that no topic can have that name.
	InvalidTopic
	// Unauthorised means that an ACL, the credentials or a certificate are in the
	// way.
	Unauthorised
	// TooLarge means that an answer is more than the client may read.
	TooLarge
	// Corrupt means that stored bytes are not what was written.
	Corrupt
	// Refused means that the broker will never do what was asked.
	Refused
	// Closed means that the client was closed.
	Closed
)

// String returns the name for tests and messages.
func (c Class) String() string {
	names := [...]string{
		"none", "transient", "leader", "out of range", "unknown", "invalid topic", "unauthorised",
		"too large", "corrupt", "refused", "closed",
	}
	if c < 0 || int(c) >= len(names) {
		return "invalid"
	}
	return names[c]
}

// Permanent reports whether a retry is pointless until somebody changes something.
// OutOfRange and Unknown are not: they need a look at the log first.
func (c Class) Permanent() bool {
	switch c {
	case InvalidTopic, Unauthorised, TooLarge, Corrupt, Refused, Closed:
		return true
	default:
		return false
	}
}

// Classify returns the class of an error that a request returned, or that was
// inside its response.
//
// It says nothing of contexts: a dial that timed out inside kgo is
// context.DeadlineExceeded for errors.Is as well, so only the caller can tell by
// looking at its own context.
func Classify(err error) Class {
	if err == nil {
		return None
	}
	if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, ErrClosed) {
		return Closed
	}
	var code *kerr.Error
	if errors.As(err, &code) {
		return classOfCode(code)
	}
	switch {
	case isHandshakeRefusal(err):
		return Unauthorised
	case errors.Is(err, kgo.ErrMaxDecompress), isResponseTooLarge(err):
		return TooLarge
	default:
		return Transient
	}
}

func classOfCode(code *kerr.Error) Class {
	switch code {
	case kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.ReplicaNotAvailable, kerr.BrokerNotAvailable,
		kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError, kerr.EligibleLeadersNotAvailable,
		kerr.PreferredLeaderNotAvailable, kerr.ListenerNotFound, kerr.RebootstrapRequired, kerr.NewLeaderElected,
		kerr.UnknownServerError:
		// UNKNOWN_SERVER_ERROR is not retriable by the book, but what a broker
		// answers while it goes down, and Kafka's own consumer retries it too.
		return Leader

	case kerr.OffsetOutOfRange:
		return OutOfRange

	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InconsistentTopicID:
		return Unknown

	case kerr.InvalidTopicException:
		return InvalidTopic

	case kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.DelegationTokenAuthorizationFailed,
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.SecurityDisabled, kerr.DelegationTokenAuthDisabled, kerr.DelegationTokenNotFound,
		kerr.DelegationTokenOwnerMismatch, kerr.DelegationTokenRequestNotAllowed, kerr.DelegationTokenExpired,
		kerr.UnacceptableCredential:
		return Unauthorised

	case kerr.MessageTooLarge, kerr.RecordListTooLarge:
		return TooLarge

	case kerr.CorruptMessage, kerr.InvalidRecord:
		return Corrupt

	case kerr.OffsetMovedToTieredStorage, kerr.ThrottlingQuotaExceeded, kerr.ConcurrentTransactions:
		return Transient
	}
	if code.Retriable {
		return Transient
	}
	return Refused
}

// isHandshakeRefusal reports whether the two sides do not trust each other. A
// connection that merely breaks during the handshake is not one.
func isHandshakeRefusal(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		notTLS       tls.RecordHeaderError
		alert        tls.AlertError
		unknown      x509.UnknownAuthorityError
		invalid      x509.CertificateInvalidError
		hostname     x509.HostnameError
	)
	return errors.As(err, &verification) || errors.As(err, &notTLS) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &hostname)
}

// responseTooLarge is the text of the error that kgo has for a response over
// BrokerMaxReadBytes. It has no value to compare with; a test pins the text.
const responseTooLarge = "response exceeds BrokerMaxReadBytes"

func isResponseTooLarge(err error) bool { return strings.Contains(err.Error(), responseTooLarge) }
