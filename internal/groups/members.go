// Package groups asks about consumer groups.
package groups

import (
	"context"
	"fmt"
	"strings"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Members names the members of a group of either protocol. A group that isn't there has none.
func Members(ctx context.Context, admin *kadm.Client, group string) ([]string, error) {
	var members []string
	classic, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return nil, err
	}
	described := classic[group]
	if described.Err != nil && !errors.Is(described.Err, kerr.GroupIDNotFound) {
		return nil, described.Err
	}
	for _, m := range described.Members {
		members = append(members, memberName(m.ClientID, m.ClientHost, m.MemberID))
	}
	if len(members) > 0 {
		return members, nil
	}
	// One of the newer protocol looks like none to that question.
	newer, err := admin.DescribeConsumerGroups(ctx, group)
	if err != nil {
		if isTooOld(err) {
			return nil, nil
		}
		return nil, err
	}
	for _, m := range newer[group].Members {
		members = append(members, memberName(m.ClientID, m.ClientHost, m.MemberID))
	}
	if err := newer[group].Err; err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnsupportedVersion) {
		return nil, err
	}
	return members, nil
}

// isTooOld reports whether the broker has no such request, and so no such groups. The errors of kgo have no
// value to compare with; a test on an old broker pins their text.
func isTooOld(err error) bool {
	return errors.Is(err, kerr.UnsupportedVersion) ||
		strings.Contains(err.Error(), "request key is unknown") || strings.Contains(err.Error(), "broker is too old")
}

func memberName(client, host, member string) string {
	return fmt.Sprintf("%s at %s (%s)", client, strings.TrimPrefix(host, "/"), member)
}
