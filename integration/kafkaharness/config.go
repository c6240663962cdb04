package kafkaharness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Config is what a cluster of containers is to be.
type Config struct {
	// Brokers is how many there are, 1 by default.
	Brokers int
	// Image is Image by default.
	Image string
	// Env adds to the settings of the brokers, in the image's way: KAFKA_MIN_INSYNC_REPLICAS.
	Env map[string]string
	// SASL makes clients authenticate with PLAIN, as one of the users of this
	// package, and turns ACLs on. See Cluster.OptsAs.
	SASL bool
}

// The users of a cluster with SASL.
const (
	// Admin may do anything.
	Admin = "admin"
	// Nobody is known, and may do nothing.
	Nobody = "nobody"

	password = "secret"
)

func (c Config) withDefaults() Config {
	if c.Brokers == 0 {
		c.Brokers = 1
	}
	if c.Image == "" {
		c.Image = imageOf("KAFKA_IMAGE", Image)
	}
	return c
}

// key tells clusters apart that can't be shared.
func (c Config) key() string {
	env := make([]string, 0, len(c.Env))
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		env = append(env, name+"="+c.Env[name])
	}
	return fmt.Sprint(c.Image, " ", c.Brokers, " ", c.SASL, " ", strings.Join(env, " "))
}

// hostName is the name of a broker among the others, from 1.
func hostName(id int) string { return fmt.Sprintf("kafka-%d", id) }

// env returns all settings of a broker: as soon as one is given, the image ignores its defaults.
//
// Clients on the host are sent to the advertised address, so they have a listener of their own
// (HOST), apart from that of the brokers and of programs in the containers (INTERNAL).
func (c Config) env(id int, host string, port int) map[string]string {
	voters := make([]string, 0, c.Brokers)
	for i := 1; i <= c.Brokers; i++ {
		voters = append(voters, fmt.Sprintf("%d@%s:%d", i, hostName(i), controllerPort))
	}
	replicas := fmt.Sprint(c.Brokers)
	inSync := fmt.Sprint(min(c.Brokers, 2))
	env := map[string]string{
		"CLUSTER_ID":                                 "7Yp0aPzKTIuGd1x5Wm3bVQ",
		"KAFKA_NODE_ID":                              fmt.Sprint(id),
		"KAFKA_PROCESS_ROLES":                        "broker,controller",
		"KAFKA_CONTROLLER_QUORUM_VOTERS":             strings.Join(voters, ","),
		"KAFKA_CONTROLLER_LISTENER_NAMES":            "CONTROLLER",
		"KAFKA_LISTENERS":                            fmt.Sprintf("HOST://:%d,INTERNAL://:%d,CONTROLLER://:%d", hostPort, internalPort, controllerPort),
		"KAFKA_ADVERTISED_LISTENERS":                 fmt.Sprintf("HOST://%s:%d,INTERNAL://%s:%d", host, port, hostName(id), internalPort),
		"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":       "HOST:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"KAFKA_INTER_BROKER_LISTENER_NAME":           "INTERNAL",
		"KAFKA_LOG_DIRS":                             dataDir,
		"KAFKA_DEFAULT_REPLICATION_FACTOR":           replicas,
		"KAFKA_MIN_INSYNC_REPLICAS":                  inSync,
		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":     replicas,
		"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":        inSync,
		"KAFKA_AUTO_CREATE_TOPICS_ENABLE":            "false",
		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":     "0",
		"KAFKA_HEAP_OPTS":                            "-Xms256m -Xmx512m",
		"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "3", // 50 take seconds to create

		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": replicas,
	}
	if c.SASL {
		env["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] = "HOST:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
		env["KAFKA_SASL_ENABLED_MECHANISMS"] = "PLAIN"
		env["KAFKA_LISTENER_NAME_HOST_SASL_ENABLED_MECHANISMS"] = "PLAIN"
		env["KAFKA_LISTENER_NAME_HOST_PLAIN_SASL_JAAS_CONFIG"] = fmt.Sprintf(
			`org.apache.kafka.common.security.plain.PlainLoginModule required user_%s="%s" user_%s="%s";`,
			Admin, password, Nobody, password)
		env["KAFKA_AUTHORIZER_CLASS_NAME"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		env["KAFKA_SUPER_USERS"] = "User:" + Admin + ";User:ANONYMOUS" // ANONYMOUS are the brokers themselves
	}
	maps.Copy(env, c.Env)
	return env
}

const (
	hostPort       = 9092
	internalPort   = 9093
	controllerPort = 9094

	dataDir = "/var/lib/kafka/data"
)
