// SPDX-License-Identifier: GPL-2.0
/*
 * Many messages between many processes: each value arrives once, in order, and
 * whole, whoever else works on the channel, sleeps, polls or gets killed.
 *
 * The amounts are fixed and the random numbers have fixed seeds. Slow tiers
 * run a part of it: GOCHAN_TEST_SCALE.
 */

#include <sys/epoll.h>

#include "gochan_test.h"

/* Stress takes its time, above all where two processors are emulated. */
#define STRESS_TIMEOUT	100

#define MAX_VARLEN	300

/* Deterministic noise: the same on both sides of a channel. */
static __u64 mix(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

/* Message number @i: its length and its bytes. */
static __u32 make_message(__u64 i, bool varlen, unsigned char *buf)
{
	__u64 noise = mix(i + 1);
	__u32 len = varlen ? noise % (MAX_VARLEN + 1) : sizeof(noise);
	__u32 n;

	for (n = 0; n < len; n++) {
		if (n % 8 == 0)
			noise = mix(noise + n);
		buf[n] = noise >> n % 8 * 8;
	}
	return len;
}

static __u64 checksum(__u64 sum, const unsigned char *buf, __u32 len)
{
	sum = mix(sum + len);
	while (len--)
		sum = (sum ^ *buf++) * 0x100000001b3ULL;
	return sum;
}

/* One sender, one receiver. */

FIXTURE(stream) {
	int fd;
};

/* Where nothing is buffered ahead, each message costs a switch of tasks. */
#define MANY		100000
#define FEWER		5000

FIXTURE_VARIANT(stream) {
	__u32 capacity;
	unsigned int count;
	bool varlen;
};

FIXTURE_VARIANT_ADD(stream, fixed_unbuffered) {
	.capacity = 0,
	.count = FEWER,
};

FIXTURE_VARIANT_ADD(stream, fixed_one) {
	.capacity = 1,
	.count = FEWER,
};

FIXTURE_VARIANT_ADD(stream, fixed_many) {
	.capacity = 64,
	.count = MANY,
};

FIXTURE_VARIANT_ADD(stream, varlen_unbuffered) {
	.capacity = 0,
	.count = FEWER,
	.varlen = true,
};

FIXTURE_VARIANT_ADD(stream, varlen_one) {
	.capacity = 1,
	.count = FEWER,
	.varlen = true,
};

FIXTURE_VARIANT_ADD(stream, varlen_many) {
	.capacity = 64,
	.count = MANY,
	.varlen = true,
};

FIXTURE_SETUP(stream)
{
	if (variant->varlen)
		self->fd = new_chan(GOCHAN_CHAN_VARLEN, MAX_VARLEN,
				    variant->capacity);
	else
		self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(stream)
{
	close(self->fd);
}

/* In: @value: variable length. Out: @value: checksum of all that was sent. */
static int peer_stream(struct peer *peer)
{
	unsigned char buf[MAX_VARLEN];
	bool varlen = peer->value;
	__u64 i, sum = 0;
	__u32 len;
	int ret;

	for (i = 0; i < peer->count; i++) {
		len = make_message(i, varlen, buf);
		sum = checksum(sum, buf, len);
		ret = chan_send(peer->fd, buf, len);
		if (ret)
			return ret;
	}
	peer->value = sum;
	return chan_close(peer->fd);
}

TEST_F_TIMEOUT(stream, arrives_in_order_and_whole, STRESS_TIMEOUT)
{
	struct peer *peer = peer_new(self->fd, variant->varlen);
	unsigned char buf[MAX_VARLEN], want[MAX_VARLEN];
	__u64 i, sum = 0;
	__u32 len, room;
	int ret;

	peer->count = scaled(variant->count, 1000);
	room = variant->varlen ? MAX_VARLEN : 8;
	peer_fork(peer, peer_stream);
	for (i = 0; ; i++) {
		len = room;
		ret = chan_recv(self->fd, buf, &len);
		if (ret != 1)
			break;
		ASSERT_EQ(make_message(i, variant->varlen, want), len);
		ASSERT_EQ(0, memcmp(want, buf, len));
		sum = checksum(sum, buf, len);
	}
	EXPECT_EQ(0, ret);
	EXPECT_EQ(peer->count, i);
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(peer->value, sum);
	check_info(self->fd, 0, 1, 0, 0);
}

/*
 * Many senders and many receivers, of every kind of user there is. A value
 * names its sender in the upper half; the receivers tick off what they got.
 */

#define MAX_SENDERS	4
#define MAX_RECEIVERS	4

enum user {
	BLOCKING,	/* ioctl */
	RW,		/* read and write */
	POLLING,	/* poll, then an ioctl that does not block */
	EDGE,		/* epoll, edge-triggered, drained until EAGAIN */
	BOUNDED,	/* ioctl with a deadline that often passes */
};

struct ledger {
	__u64 per_sender;
	__u64 taken[MAX_RECEIVERS];
	__u64 doubled;
	__u64 foreign;
	__u64 disordered;
	unsigned char seen[];
};

static struct ledger *ledger;

static struct ledger *ledger_new(__u64 per_sender)
{
	struct ledger *l;

	l = shared_alloc(sizeof(*l) + MAX_SENDERS * per_sender);
	l->per_sender = per_sender;
	return l;
}

static void count_error(__u64 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* @last: per sender, what this receiver has seen of it, plus one. */
static void ledger_enter(__u64 value, unsigned int receiver, __u64 *last)
{
	__u64 sender = value >> 32, seq = (__u32)value;

	if (sender >= MAX_SENDERS || seq >= ledger->per_sender) {
		count_error(&ledger->foreign);
		return;
	}
	if (__atomic_exchange_n(&ledger->seen[sender * ledger->per_sender + seq],
				1, __ATOMIC_RELAXED))
		count_error(&ledger->doubled);
	if (seq + 1 <= last[sender])
		count_error(&ledger->disordered);
	last[sender] = seq + 1;
	ledger->taken[receiver]++;
}

static __u64 ledger_seen(unsigned int senders)
{
	__u64 i, n = 0;

	for (i = 0; i < senders * ledger->per_sender; i++)
		n += ledger->seen[i];
	return n;
}

static int wait_ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, -1) == 1 ? 0 : -errno;
}

static int send_as(enum user user, int fd, __u64 value)
{
	int ret;

	switch (user) {
	case RW:
		ret = fd_write(fd, &value, sizeof(value));
		return ret == sizeof(value) ? 0 : ret;
	case POLLING:
	case EDGE:
		while ((ret = try_send_u64(fd, value)) == -EAGAIN) {
			if (wait_ready(fd, POLLOUT))
				return PEER_FAILED;
		}
		return ret;
	case BOUNDED:
		do {
			ret = send_msg(fd, &value, sizeof(value), 0,
				       now_ns(CLOCK_MONOTONIC) + 20000);
		} while (ret == -ETIMEDOUT);
		return ret;
	default:
		return send_u64(fd, value);
	}
}

static int recv_edge(int fd, int ep, __u64 *value)
{
	struct epoll_event ev;
	int ret;

	while ((ret = try_recv_u64(fd, value)) == -EAGAIN) {
		if (epoll_wait(ep, &ev, 1, -1) != 1)
			return PEER_FAILED;
	}
	return ret;
}

static int recv_as(enum user user, int fd, int ep, __u64 *value)
{
	int ret;

	switch (user) {
	case RW:
		ret = fd_read(fd, value, sizeof(*value));
		return ret == sizeof(*value) ? 1 : ret;
	case POLLING:
		while ((ret = try_recv_u64(fd, value)) == -EAGAIN) {
			if (wait_ready(fd, POLLIN))
				return PEER_FAILED;
		}
		return ret;
	case EDGE:
		return recv_edge(fd, ep, value);
	case BOUNDED:
		do {
			ret = recv_u64_until(fd, value,
					     now_ns(CLOCK_MONOTONIC) + 20000);
		} while (ret == -ETIMEDOUT);
		return ret;
	default:
		return recv_u64(fd, value);
	}
}

/* In: @value: number of the sender, and in the upper half what it is. */
static int peer_sender(struct peer *peer)
{
	__u64 sender = (__u32)peer->value, i;
	enum user user = peer->value >> 32;
	int ret;

	for (i = 0; i < ledger->per_sender; i++) {
		ret = send_as(user, peer->fd, sender << 32 | i);
		if (ret)
			return ret;
	}
	return 0;
}

/* In: @value: as above, for a receiver. */
static int peer_receiver(struct peer *peer)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	unsigned int receiver = (__u32)peer->value;
	enum user user = peer->value >> 32;
	__u64 last[MAX_SENDERS] = { 0 };
	int ep, ret;
	__u64 value;

	/* An epoll of its own: what happens to others must not matter. */
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, peer->fd, &ev))
		return PEER_FAILED;
	while ((ret = recv_as(user, peer->fd, ep, &value)) == 1)
		ledger_enter(value, receiver, last);
	return ret;
}

FIXTURE(crowd) {
	int fd;
};

FIXTURE_VARIANT(crowd) {
	__u32 capacity;
	enum user senders[MAX_SENDERS];
	enum user receivers[MAX_RECEIVERS];
};

FIXTURE_VARIANT_ADD(crowd, blocking_unbuffered) {
	.capacity = 0,
	.senders = { BLOCKING, BLOCKING, RW, RW },
	.receivers = { BLOCKING, BLOCKING, RW, RW },
};

FIXTURE_VARIANT_ADD(crowd, blocking_buffered) {
	.capacity = 3,
	.senders = { BLOCKING, BLOCKING, RW, RW },
	.receivers = { BLOCKING, BLOCKING, RW, RW },
};

/* Two that only try would never meet without a buffer: one side sleeps. */
FIXTURE_VARIANT_ADD(crowd, polling_receivers_unbuffered) {
	.capacity = 0,
	.senders = { BLOCKING, RW, BOUNDED, BLOCKING },
	.receivers = { POLLING, EDGE, BLOCKING, BOUNDED },
};

FIXTURE_VARIANT_ADD(crowd, polling_senders_unbuffered) {
	.capacity = 0,
	.senders = { POLLING, EDGE, BLOCKING, BOUNDED },
	.receivers = { BLOCKING, RW, BOUNDED, BLOCKING },
};

FIXTURE_VARIANT_ADD(crowd, all_kinds_buffered) {
	.capacity = 2,
	.senders = { BLOCKING, POLLING, RW, BOUNDED },
	.receivers = { BLOCKING, POLLING, EDGE, BOUNDED },
};

FIXTURE_SETUP(crowd)
{
	self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(crowd)
{
	close(self->fd);
}

TEST_F_TIMEOUT(crowd, every_value_arrives_once, STRESS_TIMEOUT)
{
	struct peer *senders[MAX_SENDERS], *receivers[MAX_RECEIVERS];
	__u64 taken = 0, total;
	unsigned int i;

	ledger = ledger_new(scaled(4000, 200));
	total = MAX_SENDERS * ledger->per_sender;
	for (i = 0; i < MAX_RECEIVERS; i++)
		receivers[i] = peer_start(peer_receiver, self->fd,
					  (__u64)variant->receivers[i] << 32 | i);
	for (i = 0; i < MAX_SENDERS; i++)
		senders[i] = peer_start(peer_sender, self->fd,
					(__u64)variant->senders[i] << 32 | i);
	for (i = 0; i < MAX_SENDERS; i++)
		EXPECT_EQ(0, peer_join(senders[i]));
	EXPECT_EQ(0, chan_close(self->fd));
	for (i = 0; i < MAX_RECEIVERS; i++) {
		EXPECT_EQ(0, peer_join(receivers[i]));
		taken += ledger->taken[i];
	}
	EXPECT_EQ(total, taken);
	EXPECT_EQ(total, ledger_seen(MAX_SENDERS));
	EXPECT_EQ(0, ledger->doubled);
	EXPECT_EQ(0, ledger->foreign);
	EXPECT_EQ(0, ledger->disordered);
	check_info(self->fd, 0, 1, 0, 0);
}

/*
 * Receivers that are killed at any moment, and replaced. What was handed to
 * one that died before it could write it down is gone, as with any primitive:
 * one message a kill at most. Everything else arrives once.
 */

FIXTURE(killing) {
	int fd;
};

FIXTURE_VARIANT(killing) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(killing, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(killing, buffered) {
	.capacity = 4,
};

FIXTURE_SETUP(killing)
{
	self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(killing)
{
	close(self->fd);
}

static __u64 ledger_taken(void)
{
	__u64 sum = 0;
	unsigned int i;

	for (i = 0; i < MAX_RECEIVERS; i++)
		sum += __atomic_load_n(&ledger->taken[i], __ATOMIC_RELAXED);
	return sum;
}

TEST_F_TIMEOUT(killing, receivers_costs_a_message_each_at_most, STRESS_TIMEOUT)
{
	struct peer *senders[2], *receivers[MAX_RECEIVERS];
	unsigned int kills = scaled(100, 10), i, n;
	__u64 seen, total, next;

	ledger = ledger_new(scaled(20000, 2000));
	total = 2 * ledger->per_sender;
	for (i = 0; i < MAX_RECEIVERS; i++)
		receivers[i] = peer_start(peer_receiver, self->fd, i);
	for (i = 0; i < 2; i++)
		senders[i] = peer_start(peer_sender, self->fd, i);

	for (n = 0; n < kills; n++) {
		/* Spread over the run, at noisy distances. */
		next = total / (kills + 1) * n + mix(n) % 64;
		ASSERT_TRUE(wait_for(ledger_taken() >= next));
		i = mix(n + 1000) % MAX_RECEIVERS;
		ASSERT_EQ(PEER_KILLED(SIGKILL), peer_kill(receivers[i]));
		receivers[i] = peer_start(peer_receiver, self->fd, i);
	}

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, peer_join(senders[i]));
	EXPECT_EQ(0, chan_close(self->fd));
	for (i = 0; i < MAX_RECEIVERS; i++)
		EXPECT_EQ(0, peer_join(receivers[i]));
	seen = ledger_seen(2);
	EXPECT_LE(total - kills, seen);
	EXPECT_GE(total, seen);
	EXPECT_EQ(0, ledger->doubled);
	EXPECT_EQ(0, ledger->foreign);
	EXPECT_EQ(0, ledger->disordered);
	check_info(self->fd, 0, 1, 0, 0);
}

/* Killed senders: each has sent some first part of its values, in order. */
static int peer_endless(struct peer *peer)
{
	__u64 i;
	int ret;

	for (i = 0; ; i++) {
		ret = send_u64(peer->fd, peer->value << 32 | i);
		if (ret)
			return ret;
	}
}

TEST_F_TIMEOUT(killing, senders_leaves_an_unbroken_start, STRESS_TIMEOUT)
{
	unsigned int rounds = scaled(40, 5), round, i, n;
	struct peer *senders[MAX_SENDERS];
	__u64 value;

	for (round = 0; round < rounds; round++) {
		__u64 next[MAX_SENDERS] = { 0 };

		for (i = 0; i < MAX_SENDERS; i++)
			senders[i] = peer_start(peer_endless, self->fd, i);
		for (n = 0; n < 50 + mix(round) % 50; n++) {
			ASSERT_EQ(1, recv_u64(self->fd, &value));
			ASSERT_GT(MAX_SENDERS, value >> 32);
			ASSERT_EQ(next[value >> 32], (__u32)value);
			next[value >> 32]++;
		}
		for (i = 0; i < MAX_SENDERS; i++)
			ASSERT_EQ(PEER_KILLED(SIGKILL), peer_kill(senders[i]));
		while (try_recv_u64(self->fd, &value) == 1) {
			ASSERT_EQ(next[value >> 32], (__u32)value);
			next[value >> 32]++;
		}
		check_info(self->fd, 0, 0, 0, 0);
	}
}

/* Close races with everything: nothing hangs, nothing arrives after the end. */

FIXTURE(closing) {
};

FIXTURE_VARIANT(closing) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(closing, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(closing, buffered) {
	.capacity = 4,
};

FIXTURE_SETUP(closing)
{
}

FIXTURE_TEARDOWN(closing)
{
}

static int peer_until_closed(struct peer *peer)
{
	int ret;

	while (!(ret = send_u64(peer->fd, peer->count)))
		peer->count++;
	return ret;
}

static int peer_until_end(struct peer *peer)
{
	__u64 value;
	int ret;

	while ((ret = recv_u64(peer->fd, &value)) == 1)
		peer->count++;
	/* The end stays the end. */
	if (!ret)
		ret = recv_u64(peer->fd, &value);
	return ret;
}

TEST_F_TIMEOUT(closing, under_load_ends_all_and_loses_nothing, STRESS_TIMEOUT)
{
	unsigned int rounds = scaled(40, 5), round, i;
	struct peer *senders[2], *receivers[2];
	__u64 sent, taken;
	int fd;

	for (round = 0; round < rounds; round++) {
		fd = new_chan(0, 8, variant->capacity);
		for (i = 0; i < 2; i++) {
			senders[i] = peer_start(peer_until_closed, fd, 0);
			receivers[i] = peer_start(peer_until_end, fd, 0);
		}
		ASSERT_TRUE(wait_for(__atomic_load_n(&receivers[0]->count,
						     __ATOMIC_RELAXED) >
				     mix(round) % 200));
		EXPECT_EQ(0, chan_close(fd));
		sent = 0;
		taken = 0;
		for (i = 0; i < 2; i++) {
			EXPECT_EQ(-EPIPE, peer_join(senders[i]));
			EXPECT_EQ(0, peer_join(receivers[i]));
			sent += senders[i]->count;
			taken += receivers[i]->count;
		}
		/* What a sender was told is sent was received. */
		EXPECT_EQ(sent, taken);
		check_info(fd, 0, 1, 0, 0);
		close(fd);
	}
}

TEST_HARNESS_MAIN
