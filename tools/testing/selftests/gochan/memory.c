// SPDX-License-Identifier: GPL-2.0
/*
 * What objects take: the memory cgroup of their maker pays for it, and at its
 * limit the maker gets an error. Nothing else happens: no task is killed, and
 * the kernel log has no stack trace.
 */

#include <sys/klog.h>

#include "cgroup_test.h"
#include "map_test.h"

#define MIB		(1U << 20)

/* syslog(2) */
#define LOG_READ_ALL	3
#define LOG_SIZE	10

/* How many stack traces of failed allocations the kernel log has. */
static int failure_reports(void)
{
	int size = klogctl(LOG_SIZE, NULL, 0), n = 0;
	char *log, *at;

	if (size <= 0)
		return -1;
	log = calloc(1, size + 1);
	if (!log || klogctl(LOG_READ_ALL, log, size) < 0)
		abort();
	for (at = log; (at = strstr(at, "Call Trace:")); at++)
		n++;
	free(log);
	return n;
}

FIXTURE(limit) {
	struct cgroup cg;
	bool usable;
	int reports;
};

FIXTURE_SETUP(limit)
{
	self->usable = cgroup_make(&self->cg, "limit") &&
		       !cgroup_write(&self->cg, "memory.max", "33554432");
	if (!self->usable)
		SKIP(return, "no memory controller for " CGROUPS);
	/* There is none without swap. */
	cgroup_write(&self->cg, "memory.swap.max", "0");
	self->reports = failure_reports();
}

FIXTURE_TEARDOWN(limit)
{
	if (self->usable) {
		EXPECT_EQ(0, cgroup_read(&self->cg, "memory.events",
					 "oom_kill "));
		EXPECT_EQ(self->reports, failure_reports());
	}
	cgroup_remove(&self->cg);
}

/* The cgroup of the peers: the harness gives a peer no fixture. */
static struct cgroup limited;

/* A page that a full cgroup has no room for would end the peer. */
static bool peer_limit(void)
{
	return !mlockall(MCL_CURRENT | MCL_FUTURE) && cgroup_join(&limited);
}

static int peer_large_ring(struct peer *peer)
{
	if (!peer_limit())
		return PEER_FAILED;
	return chan_create(peer->value ? GOCHAN_CHAN_VARLEN : 0, 65536, 900);
}

TEST_F(limit, refuses_a_large_ring)
{
	struct peer *peer;
	__u64 varlen;

	limited = self->cg;
	for (varlen = 0; varlen < 2; varlen++) {
		peer = peer_start(peer_large_ring, -1, varlen);
		EXPECT_EQ(-ENOMEM, peer_join(peer));
	}
}

static int peer_fill(struct peer *peer)
{
	static char value[65536];
	int fd, error;
	__u64 key;

	if (!peer_limit())
		return PEER_FAILED;
	fd = map_create(0, 8, peer->value);
	if (fd < 0)
		return fd;
	for (key = 0; ; key++) {
		__u64 mixed = scramble(key);

		error = map_put(fd, &mixed, 8, value, peer->value, 0);
		if (error)
			break;
		peer->count++;
	}
	/* What is there stays. */
	for (key = 0; key < peer->count; key++) {
		__u64 mixed = scramble(key);

		if (map_get(fd, &mixed, 8, value, peer->value))
			return PEER_FAILED;
	}
	return error;
}

TEST_F_TIMEOUT(limit, refuses_entries, 200)
{
	static const __u32 sizes[] = { 128, 129, 8192, 65536 };
	struct peer *peer;
	unsigned int i;

	limited = self->cg;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		peer = peer_start(peer_fill, -1, sizes[i]);
		EXPECT_EQ(-ENOMEM, peer_join(peer));
		EXPECT_LT(32 * MIB / (sizes[i] + 8) / 6, peer->count);
		EXPECT_GT(32 * MIB / (sizes[i] + 8), peer->count);
	}
}

TEST_HARNESS_MAIN
