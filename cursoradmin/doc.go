// Package cursoradmin looks at the cursors of consumers, and moves them for an operator.
//
//	admin := cursoradmin.New(kafka, cursors)
//	plan, err := admin.PlanReset(ctx, "billing", "orders", nil, cursoradmin.ToTime(yesterday)) // changes nothing; fmt.Print(plan)
//	report, err := admin.Apply(ctx, plan)
//
// # Guarantees
//
// Nothing here takes a consumer over by looking: List, Lag and the plans read only.
//
// A plan says for each partition which events come again and which are skipped, as they are between the old and
// the new position. They are counted by reading them up to 100 000 offsets, see WithCountLimit; beyond that the
// number is one of offsets, which is at most too high: markers of transactions, aborted and compacted records have offsets too.
//
// Apply does all of a plan or, if anything of it was refused or has changed since, nothing. Writes that fail
// half-way are told partition by partition; planning again finds those that were done.
//
// A cursor that is set names the topic by its ID, so a topic that is deleted and created again is noticed. The start
// is the exception: it is stored as "", which is wherever the log begins and never expires.
//
// # Who is at work
//
// A plan refuses to move a consumer under its owner's hands, unless WithForce. It is at work if a consumer group of its name,
// or of WithGroup, has members, or if its cursor, written within the last 10 s, is written again within a second.
//
// An owner that has nothing to do writes nothing, so it is not seen. That is safe: the cursor that is set carries a higher epoch, so the next
// SetCursor of that owner returns kafkacursor.ErrSuperseded, its Run ends without having stored anything, and the next Run goes on from
// the new cursor. Until then it may consume on: those events come again.
//
// # Non-guarantees
//
// What becomes visible or is removed after a plan is not in its numbers.
//
// List and Lag compare numbers. That a log was truncated and has grown again past a cursor, the consumer's stream
// finds out.
//
// A lag is counted in offsets: where the last record is the marker of a transaction, a consumer that has all is 1 behind.
//
// # Errors
//
// They are *Error, whose Kind is one of the Err variables here or of kafkastream, those of kafkastream and
// kafkacursor, and those of contexts. IsPermanent tells those that need somebody to do something.
//
// # Concurrency
//
// An Admin is safe for concurrent use and has no goroutines.
package cursoradmin
