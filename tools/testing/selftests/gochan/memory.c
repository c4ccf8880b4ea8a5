// SPDX-License-Identifier: GPL-2.0
/*
 * What objects take: the memory cgroup of their maker pays for it, and at its
 * limit the maker gets an error. Nothing else happens: no task is killed, and
 * the kernel log has no stack trace.
 */

#include <sys/klog.h>

#include "cgroup_test.h"
#include "map_test.h"
#include "quota_test.h"

#define MIB		(1024U * 1024U)

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

/*
 * Under all checkers an allocation takes more than what it is charged for, and
 * filling a quota takes minutes.
 */
static bool checkers_run(void)
{
	return scaled(100, 1) < 20;
}

FIXTURE(limit) {
	struct cgroup cg;
	bool usable;
	int reports;
};

FIXTURE_SETUP(limit)
{
	if (checkers_run())
		SKIP(return, "memory is not taken as usual under all checkers");
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

static char value[65536];

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
		EXPECT_TRUE(cgroup_settle(&self->cg));
		EXPECT_LT(32 * MIB / (sizes[i] + 8) / 6, peer->count);
		EXPECT_GT(32 * MIB / (sizes[i] + 8), peer->count);
	}
}

/*
 * What an account is charged is what was taken: a user with a quota takes all
 * of it, and the cgroup says how much that was.
 */

/* A user nobody else is. */
#define USER		51969

#define QUOTA		(32 * MIB)

FIXTURE(quota) {
	struct cgroup cg;
	struct quota_limits limits;
	bool usable;
};

FIXTURE_SETUP(quota)
{
	char text[16];

	if (checkers_run())
		SKIP(return, "memory is not taken as usual under all checkers");
	self->usable = cgroup_make(&self->cg, "quota") &&
		       quota_save(&self->limits);
	if (!self->usable)
		SKIP(return, "no memory controller, or no setting of " BYTES);
	snprintf(text, sizeof(text), "%u", QUOTA);
	ASSERT_EQ(0, write_text(BYTES, text));
	limited = self->cg;
}

FIXTURE_TEARDOWN(quota)
{
	if (self->usable)
		EXPECT_EQ(0, quota_restore(&self->limits));
	cgroup_remove(&self->cg);
}

/* What the peers do; each of these has one of the two. */
static struct taking {
	__u32 elem_size, capacity;	/* of channels */
	__u32 key_size, value_size;	/* of one map */
	bool hint;
} taking;

static int take_channels(void)
{
	int fd;

	do {
		fd = chan_create(0, taking.elem_size, taking.capacity);
	} while (fd >= 0);
	return fd;
}

static int take_entries(int fd, __u64 *n)
{
	int error;

	for (*n = 0; ; ++*n) {
		__u64 key[16] = { scramble(*n) };

		error = map_put(fd, key, taking.key_size, value,
				taking.value_size, 0);
		if (error)
			return error;
	}
}

/* Out: @count: what the cgroup says it has taken. */
static int peer_take(struct peer *peer)
{
	long long before;
	int fd, error;
	__u64 n;

	if (!peer_limit() || !become(USER))
		return PEER_FAILED;
	/* What comes with the first one of all. */
	close(chan_create(0, 8, 1));
	close(map_create(0, 8, 8));
	before = cgroup_read(&limited, "memory.current", NULL);
	if (taking.elem_size) {
		error = take_channels();
	} else {
		fd = map_create_limited(0, taking.key_size, taking.value_size,
					taking.hint ? 1 << 23 : 0, 0);
		if (fd < 0)
			return fd;
		error = take_entries(fd, &n);
	}
	peer->count = cgroup_read(&limited, "memory.current", NULL) - before;
	return error;
}

TEST_F_TIMEOUT(quota, is_what_the_objects_take, 300)
{
	static const struct taking takings[] = {
		{ .elem_size = 8, .capacity = 8192 },
		{ .elem_size = 1000, .capacity = 100 },
		{ .elem_size = 65536, .capacity = 16 },
		{ .elem_size = 4096, .capacity = 100 },
		{ .key_size = 8, .value_size = 8 },
		{ .key_size = 8, .value_size = 64 },
		{ .key_size = 8, .value_size = 128 },
		{ .key_size = 8, .value_size = 129 },
		{ .key_size = 128, .value_size = 100 },
		{ .key_size = 8, .value_size = 4096 },
		{ .key_size = 8, .value_size = 65536 },
		{ .key_size = 8, .value_size = 8, .hint = true },
	};
	struct peer *peer;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(takings); i++) {
		taking = takings[i];
		ASSERT_TRUE(cgroup_settle(&self->cg));
		peer = peer_start(peer_take, -1, 0);
		EXPECT_EQ(-EDQUOT, peer_join(peer));
		TH_LOG("elements %u * %u, entries %u + %u: %llu of %u KiB",
		       taking.elem_size, taking.capacity, taking.key_size,
		       taking.value_size, peer->count / 1024, QUOTA / 1024);
		EXPECT_LT(QUOTA / 100 * 94, peer->count);
		EXPECT_GT(QUOTA / 100 * 106, peer->count);
	}
}

/* In: @value: what to do. Out: @count: the most that the cgroup has had. */
static int peer_churn(struct peer *peer)
{
	__u64 key = 1, end = in_ms(scaled(3000, 1000));
	int fd = -1, other;
	long long now;

	if (!peer_limit() || !become(USER))
		return PEER_FAILED;
	do {
		if (fd < 0)
			fd = map_create(0, 8, sizeof(value));
		switch (peer->value) {
		case 0:	/* overwriting */
			if (map_put(fd, &key, 8, value, sizeof(value), 0))
				return PEER_FAILED;
			break;
		case 1:	/* inserting and deleting */
			if (map_put(fd, &key, 8, value, sizeof(value), 0) ||
			    map_delete(fd, &key, 8))
				return PEER_FAILED;
			key++;
			break;
		case 2: /* maps that come and go */
			other = map_create_limited(0, 8, 128, 20000, 0);
			if (other < 0 || close(other))
				return PEER_FAILED;
			break;
		case 3: /* overwriting at the limit */
			while (!map_put(fd, &key, 8, value, sizeof(value), 0))
				key++;
			other = 0;
			for (key = 2; key < 300 && !other; key++)
				other = map_put(fd, &key, 8, value,
						sizeof(value), 0);
			if (other)
				return other;
		}
		now = cgroup_read(&limited, "memory.current", NULL);
		if (now > (long long)peer->count)
			peer->count = now;
	} while (now_ns(CLOCK_MONOTONIC) < end);
	return 0;
}

TEST_F_TIMEOUT(quota, holds_for_what_waits_for_rcu, 300)
{
	struct peer *peer;
	__u64 what;

	for (what = 0; what < 4; what++) {
		ASSERT_TRUE(cgroup_settle(&self->cg));
		peer = peer_start(peer_churn, -1, what);
		EXPECT_EQ(0, peer_join(peer));
		TH_LOG("%llu KiB at most", peer->count / 1024);
		EXPECT_GT(QUOTA / 8 * 10, peer->count);
	}
}

static int peer_hints(struct peer *peer)
{
	struct gochan_map_info info;
	int fd;

	if (!become(USER))
		return PEER_FAILED;
	fd = map_create_limited(0, 8, 8, peer->value, 0);
	if (fd < 0)
		return fd;
	if (map_info(fd, &info))
		return PEER_FAILED;
	peer->count = info.slots;
	return 0;
}

TEST_F(quota, gives_what_fits_of_a_hint)
{
	struct peer *peer;

	/* Slots of 16 bytes, and what is beside them. */
	peer = peer_start(peer_hints, -1, 900000);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_LE(900000, peer->count);
	peer = peer_start(peer_hints, -1, 10000000);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_LE(1U << 19, peer->count);
	EXPECT_GT(1U << 21, peer->count);
}

TEST_HARNESS_MAIN
