package kafkacursor

import "fmt"

// Member is the member of a consumer group that a Store writes for, see WithMemberFencing.
//
// It is a name of an interface and no type of its own, so that a package which is a member can be
// handed over without importing this one. Its methods are called from another goroutine, for each
// write, and must not block.
type Member = interface {
	// Group returns the name of the group.
	Group() string
	// Generation returns the membership as of now: the member's ID, its static instance ID or "",
	// and its generation or, with KIP-848, epoch. The generation is negative while it is no member.
	Generation() (memberID, instanceID string, generation int32)
	// Owns reports whether the partition is assigned to the member. It must go on to say yes while a
	// partition that is to be released has its last cursor flushed, and say no before the group is told
	// that it is released: from then on its generation proves nothing about that partition.
	Owns(topic string, partition int32) bool
}

// membership is what a member was at a moment.
type membership struct {
	group, member, instance string
	generation              int32
}

func membershipOf(m Member) membership {
	member, instance, generation := m.Generation()
	return membership{group: m.Group(), member: member, instance: instance, generation: generation}
}

func (m membership) String() string {
	return fmt.Sprintf("generation %d of member %q in group %q", m.generation, clip(m.member), clip(m.group))
}
