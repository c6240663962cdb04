package reflexpb

import "google.golang.org/protobuf/reflect/protoreflect"

// File_reflex_proto describes the file of the messages. It is
// File_kreflex_reflexpb_reflex_proto under the name that luno/reflex gives its own.
//
//nolint:revive,staticcheck,gochecknoglobals // The name and its kind are given.
var File_reflex_proto = describedFile()

// describedFile doesn't wait for the init of the generated code, which comes after variables are set. To
// build the descriptor twice is harmless: the second time returns at once.
func describedFile() protoreflect.FileDescriptor {
	file_kreflex_reflexpb_reflex_proto_init()
	return File_kreflex_reflexpb_reflex_proto
}
