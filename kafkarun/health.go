package kafkarun

import (
	"encoding/json"
	"net/http"
)

// Health is a handler that answers with the Status as JSON: with code 200 if it is healthy, and 503 if
// somebody has to look at it, see Condition. It asks no broker: one that is down for a moment makes no
// service unhealthy.
//
// A slow partition is healthy, as restarting it would only make it slower, and so is one that has just begun to fail. A
// service that is restarted when it isn't alive should not use it for that: a parked partition is parked again after
// a restart.
func (r *Runner) Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		st := r.Status()
		body, err := json.MarshalIndent(st, "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !st.Condition.Healthy() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(append(body, '\n')) // whoever asked has gone
	})
}
