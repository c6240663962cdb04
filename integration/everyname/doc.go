// Package everyname compares what kreflex exports with what luno/reflex does, name by name and type by type, so
// that MIGRATION.md can say of each what has become of it, and that none is forgotten.
package everyname
