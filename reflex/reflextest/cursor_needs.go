package reflextest

// What cases may need.
const (
	needStringCursors  capability = "cursors must be numbers (StringCursors)"
	needMonotonic      capability = "the store does not compare cursors (Monotonic)"
	needReadYourWrites capability = "the store does not return what is not flushed (ReadYourWrites)"
	needReopen         capability = "there cannot be another store on the backend (CursorBackend.Reopen)"
	needStall          capability = "the backend cannot be stalled (CursorBackend.Stall)"
)

var _ environment = (*cursorEnv)(nil)

func (e *cursorEnv) can(c capability) bool {
	switch c {
	case needStringCursors:
		return e.h.StringCursors
	case needMonotonic:
		return e.h.Monotonic
	case needReadYourWrites:
		return e.h.ReadYourWrites
	case needReopen:
		return e.backend.Reopen != nil
	case needStall:
		return e.backend.Stall != nil
	default:
		return false
	}
}
