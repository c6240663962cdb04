package rpatterns_test

import (
	"fmt"

	"github.com/kreflex/kreflex/rpatterns"
)

// Rows 10 to 12 are copied by several workers. Up to where is the copy complete?
func ExampleGapSequence() {
	s := rpatterns.NewGapSequence()
	for _, row := range []int64{10, 11, 12} {
		s.Doing(row)
	}
	for _, row := range []int64{11, 10, 12} {
		s.Done(row)
		max, ok := s.Max()
		fmt.Println(row, "is done, complete up to", max, ok)
	}

	// Output:
	// 11 is done, complete up to 0 false
	// 10 is done, complete up to 11 true
	// 12 is done, complete up to 12 true
}
