package churn

import "github.com/kreflex/kreflex/kafkacursor"

// fencing has each worker's writes refused once it is no member.
func fencing(o Order) kafkacursor.Option {
	return kafkacursor.WithMemberFencing(o.Group + "-" + o.Name)
}
