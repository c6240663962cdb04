// Package kafkaharness gives tests real Apache Kafka.
//
// # Where it comes from
//
// A test asks its Lab for a cluster of one or three brokers, and gets, in this order:
//
//  1. the cluster that the environment names, KAFKA_BROKERS, if it has enough brokers;
//     KAFKA_BROKERS_OLD for one of the release in OldImage;
//  2. containers (testcontainers, image apache/kafka), started on first use, shared by all
//     tests of the binary and removed by Lab.Close. KAFKA_IMAGE and KAFKA_IMAGE_OLD
//     name other images;
//  3. a skip that says what to do about it. With KAFKA_REQUIRED=1 it is a failure, also where
//     there is an engine but the image can't be had, so that a green run has seen Kafka.
//
// Tests that stop brokers, need certain settings of theirs or look into their files ask
// for containers of their own (Lab.Own), or for the shared ones (Lab.Containers).
//
// # Topics
//
// Clusters are shared, also with other runs, so Cluster.Topic makes a new topic with a
// name of its own, and removes it after the test.
//
// # Leftovers
//
// Lab.Close removes the containers. Those of a binary that was killed are left to the reaper of
// testcontainers, where its image can be had; where it can't, nobody removes them, see
// TESTCONTAINERS_RYUK_DISABLED.
package kafkaharness
