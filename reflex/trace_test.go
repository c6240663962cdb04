package reflex_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
)

const (
	traceIDText = "0102030405060708090a0b0c0d0e0f10"
	spanIDText  = "1112131415161718"
	unsampled   = "\x0a\x20" + traceIDText + "\x12\x10" + spanIDText
)

func spanContext(flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		SpanID:     trace.SpanID{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
		TraceFlags: flags,
	})
}

func TestTraceBytes(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=value")
	require.NoError(t, err)
	require.Equal(t, unsampled, string(reflex.EncodeTrace(spanContext(0))))
	require.Equal(t, unsampled, string(reflex.EncodeTrace(spanContext(0).WithTraceState(state).WithRemote(true))),
		"neither state nor remote mark")
	require.Equal(t, unsampled, string(reflex.EncodeTrace(spanContext(trace.FlagsRandom))), "only the sampled flag")
	require.Equal(t, unsampled+"\x18\x01", string(reflex.EncodeTrace(spanContext(0xff))))

	require.Nil(t, reflex.EncodeTrace(trace.SpanContext{}))
	require.Nil(t, reflex.EncodeTrace(spanContext(0).WithSpanID(trace.SpanID{})))
	require.Equal(t, "x", string(reflex.AppendTrace([]byte("x"), trace.SpanContext{})))
	require.Equal(t, "x"+unsampled, string(reflex.AppendTrace([]byte("x"), spanContext(0))))
	require.Len(t, reflex.EncodeTrace(spanContext(trace.FlagsSampled)), reflex.MaxTraceLen)
}

// With the usual sampler a consumer's spans are recorded only if the remote span
// says that it was sampled. Dropped on the way, no trace ever reached a consumer.
func TestSampledFlagSurvives(t *testing.T) {
	for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
		got, ok := reflex.DecodeTrace(reflex.EncodeTrace(spanContext(flags)))
		require.True(t, ok)
		require.Equal(t, flags.IsSampled(), got.IsSampled())
	}
}

func TestDecodeTrace(t *testing.T) {
	const (
		traceID = "\x0a\x20" + traceIDText
		spanID  = "\x12\x10" + spanIDText
	)
	remote := spanContext(0).WithRemote(true)
	sampled := spanContext(trace.FlagsSampled).WithRemote(true)
	tests := []struct {
		name  string
		bytes string
		want  trace.SpanContext
	}{
		{"as written by luno/reflex", unsampled, remote},
		{"sampled", unsampled + "\x18\x01", sampled},
		{"flags of zero", unsampled + "\x18\x00", remote},
		{"other flags", unsampled + "\x18\xff\x01", sampled},
		{"any order", "\x18\x01" + spanID + traceID, sampled},
		{"the last of a field holds", "\x12\x102122232425262728" + unsampled, remote},
		{"unknown varint", "\x20\xac\x02" + unsampled, remote},
		{"unknown fixed64", unsampled + "\x21abcdefgh", remote},
		{"unknown bytes", traceID + "\x22\x03abc" + spanID, remote},
		{"unknown fixed32", "\x25abcd" + unsampled, remote},
		{"flags of another wire type", unsampled + "\x1a\x01\x01", remote},

		{"empty", "", trace.SpanContext{}},
		{"no span ID", traceID, trace.SpanContext{}},
		{"no trace ID", spanID, trace.SpanContext{}},
		{"truncated", unsampled[:51], trace.SpanContext{}},
		{"upper case", "\x0a\x20" + "0102030405060708090A0B0C0D0E0F10" + spanID, trace.SpanContext{}},
		{"not hex", "\x0a\x20" + "0102030405060708090x0b0c0d0e0f10" + spanID, trace.SpanContext{}},
		{"short ID", "\x0a\x02ab" + spanID, trace.SpanContext{}},
		{"zero ID", "\x0a\x20" + "00000000000000000000000000000000" + spanID, trace.SpanContext{}},
		{"field zero", unsampled + "\x00\x00", trace.SpanContext{}},
		{"group", unsampled + "\x23\x24", trace.SpanContext{}},
		{"endless varint", unsampled + "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", trace.SpanContext{}},
		{"length beyond the end", unsampled + "\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", trace.SpanContext{}},
		{"short fixed64", unsampled + "\x21abc", trace.SpanContext{}},
		{"short fixed32", unsampled + "\x25abc", trace.SpanContext{}},
		{"tag without field", unsampled + "\x18", trace.SpanContext{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := reflex.DecodeTrace([]byte(test.bytes))
			require.Equal(t, test.want.IsValid(), ok)
			if ok {
				require.True(t, got.Equal(test.want), "%v", got)
				require.True(t, got.IsRemote())
			}
		})
	}
}

func TestTraceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var conf trace.SpanContextConfig
		copy(conf.TraceID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "trace ID"))
		copy(conf.SpanID[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "span ID"))
		conf.TraceFlags = trace.TraceFlags(rapid.Byte().Draw(t, "flags")) & trace.FlagsSampled
		conf.Remote = true
		want := trace.NewSpanContext(conf)
		got, ok := reflex.DecodeTrace(reflex.EncodeTrace(want))
		require.Equal(t, want.IsValid(), ok)
		require.Equal(t, want.IsValid(), got.Equal(want) && got.IsValid())
	})
}

func FuzzDecodeTrace(f *testing.F) {
	f.Add([]byte(unsampled))
	f.Add([]byte(unsampled + "\x18\x01"))
	f.Add([]byte("\x22\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sc, ok := reflex.DecodeTrace(b)
		require.Equal(t, ok, sc.IsValid())
		if ok {
			again, ok := reflex.DecodeTrace(reflex.EncodeTrace(sc))
			require.True(t, ok)
			require.True(t, again.Equal(sc))
		}
	})
}
