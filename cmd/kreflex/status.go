package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/kafkarun"
)

// statusCommand asks a service that runs a topic how it is.
type statusCommand struct {
	outputFlags

	URL     string        `arg:"" help:"Where the service serves the Health of its runner, such as http://localhost:8080/health."`
	Timeout time.Duration `help:"How long the service may take to answer." default:"10s"`
}

// Help is shown below the flags.
func (*statusCommand) Help() string {
	return `It prints what kafkarun.Runner.Health serves. CONDITION is ok; slow, where events wait but are consumed; failing, where a partition is retried; stuck, where nothing was done for longer than the service allows; or needs operator, where ERROR says what to do.

Exit codes: 0 it is healthy, 1 something is stuck, 2 usage, 3 somebody must do something, 5 there was no answer.`
}

var (
	errStuck         = errors.New("consumer is stuck", j.C("ERR_b7c05e3f918d2a46"))
	errNeedsOperator = errors.New("somebody has to do something about the consumer", j.C("ERR_1d8f64b0a37ce952"))
	errNoStatus      = errors.New("service gives no status", j.C("ERR_f2069a4be85d7c13"))
)

// maxStatus is more than the status of a runner of 10,000 partitions.
const maxStatus = 32 << 20

// Run asks once.
func (c *statusCommand) Run(ctx context.Context, std stdio) error {
	target, err := url.Parse(c.URL)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" || c.Timeout <= 0 {
		return errors.Wrap(errBadFlag, "give a URL that begins with http:// or https://, and a positive --timeout")
	}
	st, body, err := c.ask(ctx)
	if err != nil {
		return err
	}
	if c.isJSON() {
		_, err = std.out.Write(body)
	} else {
		err = printStatus(std.out, st)
	}
	switch {
	case err != nil:
		return err
	case st.Condition == kafkarun.NeedsOperator:
		return errNeedsOperator
	case !st.Condition.Healthy():
		return errStuck
	}
	return nil
}

// ask returns the status, and the JSON that it is.
func (c *statusCommand) ask(ctx context.Context) (kafkarun.Status, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	var st kafkarun.Status
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return st, nil, errors.Wrap(errBadFlag, err.Error())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, nil, errors.Wrap(errNoStatus, err.Error())
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	if err != nil {
		return st, nil, errors.Wrap(errNoStatus, err.Error())
	}
	// 503 is the answer of one that is not well.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return st, nil, errors.Wrap(errNoStatus, resp.Status)
	}
	if err := json.Unmarshal(body, &st); err != nil || st.Topic == "" {
		return st, nil, errors.Wrap(errNoStatus, "the answer is not that of kafkarun.Runner.Health")
	}
	return st, body, nil
}

// printStatus prints a status for people.
func printStatus(out io.Writer, st kafkarun.Status) error {
	about := []string{"consumer " + dash(st.Consumer), "topic " + st.Topic}
	if st.Group != "" {
		about = append(about, "group "+st.Group, "member "+dash(st.Member), fmt.Sprintf("generation %d", st.Generation))
	}
	if !st.Running {
		about = append(about, "not running")
	}
	if _, err := fmt.Fprintf(out, "%s: %s\n", strings.Join(about, ", "), st.Condition); err != nil {
		return err
	}
	if st.GroupError != nil {
		if _, err := fmt.Fprintf(out, "group: %s\n", oneLine(st.GroupError.Is)); err != nil {
			return err
		}
	}
	rows := [][]string{{"PARTITION", "CONDITION", "STATE", "SINCE", "NEXT", "END", "LAG", "BEHIND", "IN-HAND", "RESTARTS", "ERROR"}}
	for _, p := range st.Partitions {
		end, behind, failure := int64(-1), "-", ""
		if !p.LogAt.IsZero() {
			end = p.Log.LastStable
		}
		if p.LagTime >= 0 {
			behind = p.LagTime.Round(time.Millisecond).String()
		}
		if p.LastError != nil {
			failure = p.LastError.Is
		}
		rows = append(rows, []string{
			fmt.Sprint(p.Partition), string(p.Condition), string(p.State), ageText(p.Since, st.At), offsetText(p.Next), offsetText(end),
			offsetText(p.Lag), behind, offsetText(p.InHand), fmt.Sprint(p.Restarts), failure,
		})
	}
	return printTable(out, rows)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
