#!/bin/sh
# Least privilege on Kafka: one user for each role, with the topics and groups it needs and no more.
#   deploy/kafka/acls.sh BROKER ADMIN_PROPERTIES      e.g. kafka:9094 /run/secrets/kafka_admin.properties
# Needs kafka-acls.sh of the broker's version in PATH, and an authoriser on the brokers
# (authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer, allow.everyone.if.no.acl.found=false).
# With PRINT=1 the commands are only printed.
set -eu
broker=${1:?broker address} admin=${2:?properties file of the administrator}
acl() {
    if [ "${PRINT:-}" = 1 ]; then echo "kafka-acls.sh --bootstrap-server $broker --command-config $admin --add $*"; return; fi
    kafka-acls.sh --bootstrap-server "$broker" --command-config "$admin" --add "$@"
}
reads() { # user group topic...
    user=$1 group=$2
    shift 2
    acl --allow-principal "User:$user" --operation Read --group "$group"
    for topic in "$@"; do acl --allow-principal "User:$user" --operation Read --operation Describe --topic "$topic"; done
}
writes() { # user topic...
    user=$1
    shift
    for topic in "$@"; do acl --allow-principal "User:$user" --operation Write --operation Describe --topic "$topic"; done
    acl --allow-principal "User:$user" --operation IdempotentWrite --cluster
}

writes streife-collect posts.raw sources.cursors
reads streife-collect streife-inquirer sources.cursors posts.raw
reads streife-score streife-score posts.raw
reads streife-score streife-windows posts.windowed
reads streife-score streife-inquirer posts.raw posts.windowed rules.sets rules.windows
writes streife-score posts.scored posts.flagged posts.dead posts.windowed rules.windows
reads streife-store streife-store posts.scored posts.flagged posts.dead
reads streife-store streife-inquirer posts.scored posts.flagged posts.dead
# The desk touches one topic: the rules that were switched live.
writes streife-desk rules.sets
reads streife-desk streife-inquirer rules.sets
# Creates the topics once, before the roles start; replays dead letters by hand.
acl --allow-principal User:streife-admin --operation Create --operation Describe --operation DescribeConfigs --cluster
reads streife-admin streife-inquirer posts.raw posts.scored posts.flagged posts.dead posts.windowed sources.cursors rules.sets rules.windows
writes streife-admin posts.raw rules.sets
