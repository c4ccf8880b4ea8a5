// SPDX-License-Identifier: GPL-2.0
/*
 * poll, select and epoll on a channel.
 *
 * Level: readable exactly when a receive would not block, writable exactly
 * when a send would not block. Edge: every message that becomes receivable and
 * every slot that becomes free is an event of its own.
 */

#include "poll_test.h"

/*
 * The table: every state a channel can be in, for three capacities. A sender
 * sleeps only on a full channel, a receiver only on an empty one, and nobody
 * on a closed one.
 */

enum waiter { NOBODY, SENDER, RECEIVER };

struct state {
	__u32 capacity;
	__u32 fill;
	bool closed;
	enum waiter waiter;
};

static bool state_exists(const struct state *s)
{
	if (s->waiter == SENDER)
		return s->fill == s->capacity && !s->closed;
	if (s->waiter == RECEIVER)
		return !s->fill && !s->closed;
	return true;
}

static int state_events(const struct state *s)
{
	bool in = s->fill || s->waiter == SENDER || s->closed;
	bool out = s->fill < s->capacity || s->closed ||
		   (!s->capacity && s->waiter == RECEIVER);

	return (in ? IN_BITS : 0) | (out ? OUT_BITS : 0) |
	       (s->closed ? HUP_BITS : 0);
}

static const struct state *state_next(struct state *s)
{
	static const __u32 capacities[] = { 0, 1, 3 };
	static unsigned int turn;
	unsigned int n;

	do {
		n = turn++;
		s->waiter = n % 3;
		n /= 3;
		s->closed = n % 2;
		n /= 2;
		s->fill = n % 4;
		n /= 4;
		if (n == ARRAY_SIZE(capacities)) {
			turn = 0;
			return NULL;
		}
		s->capacity = capacities[n];
	} while (s->fill > s->capacity || !state_exists(s));
	return s;
}

static void state_log(struct __test_metadata *_metadata, const struct state *s)
{
	TH_LOG("capacity %u, %u buffered, closed %d, waiter %d",
	       s->capacity, s->fill, s->closed, s->waiter);
}

static int state_enter(struct __test_metadata *_metadata,
		       const struct state *s, struct peer **peer)
{
	int fd = new_chan(0, 8, s->capacity);
	__u32 n;

	for (n = 0; n < s->fill; n++)
		ASSERT_EQ(0, try_send_u64(fd, n));
	*peer = NULL;
	if (s->waiter == SENDER) {
		*peer = peer_start(peer_send, fd, 9);
		await_waiters(fd, 1, 0);
	} else if (s->waiter == RECEIVER) {
		*peer = peer_start(peer_recv, fd, 0);
		await_waiters(fd, 0, 1);
	}
	if (s->closed)
		ASSERT_EQ(0, chan_close(fd));
	return fd;
}

static void state_leave(int fd, struct peer *peer)
{
	chan_close(fd);
	if (peer)
		peer_join(peer);
	close(fd);
}

TEST(poll_reports_exactly_the_state)
{
	struct peer *peer;
	struct state s;
	int count = 0;
	int fd;

	while (state_next(&s)) {
		fd = state_enter(_metadata, &s, &peer);
		EXPECT_EQ(state_events(&s), poll_now(fd)) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);
		count++;
	}
	/* 4 + 6 + 10 states of the capacities 0, 1 and 3. */
	EXPECT_EQ(20, count);
}

TEST(select_agrees_with_poll)
{
	struct peer *peer;
	struct state s;
	int fd;

	while (state_next(&s)) {
		fd = state_enter(_metadata, &s, &peer);
		EXPECT_EQ(state_events(&s) & (POLLIN | POLLOUT),
			  select_now(fd)) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);
	}
}

TEST(epoll_agrees_with_poll)
{
	struct peer *peer;
	struct state s;
	int fd;

	while (state_next(&s)) {
		fd = state_enter(_metadata, &s, &peer);
		EXPECT_EQ(state_events(&s), epoll_level_now(fd)) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);
	}
}

TEST(poll_agrees_with_the_receive_that_follows)
{
	struct peer *peer;
	struct state s;
	__u64 value;
	int fd, events;

	while (state_next(&s)) {
		fd = state_enter(_metadata, &s, &peer);
		events = poll_now(fd);
		EXPECT_EQ(!(events & POLLIN),
			  try_recv_u64(fd, &value) == -EAGAIN) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);

		fd = state_enter(_metadata, &s, &peer);
		events = poll_now(fd);
		ASSERT_EQ(0, fd_set_nonblock(fd, true));
		EXPECT_EQ(!(events & POLLIN),
			  fd_read(fd, &value, 8) == -EAGAIN) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);
	}
}

TEST(poll_agrees_with_the_send_that_follows)
{
	struct peer *peer;
	struct state s;
	__u64 value = 5;
	int fd, events;

	while (state_next(&s)) {
		fd = state_enter(_metadata, &s, &peer);
		events = poll_now(fd);
		EXPECT_EQ(!(events & POLLOUT),
			  try_send_u64(fd, value) == -EAGAIN) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);

		fd = state_enter(_metadata, &s, &peer);
		events = poll_now(fd);
		ASSERT_EQ(0, fd_set_nonblock(fd, true));
		EXPECT_EQ(!(events & POLLOUT),
			  fd_write(fd, &value, 8) == -EAGAIN) {
			state_log(_metadata, &s);
		}
		state_leave(fd, peer);
	}
}

TEST(poll_follows_a_channel_through_its_life)
{
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(OUT_BITS, poll_now(fd));
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(IN_BITS | OUT_BITS, poll_now(fd));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(IN_BITS, poll_now(fd));
	check_next(fd, 1);
	EXPECT_EQ(IN_BITS | OUT_BITS, poll_now(fd));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(IN_BITS | OUT_BITS | HUP_BITS, poll_now(fd));
	check_next(fd, 2);
	EXPECT_EQ(IN_BITS | OUT_BITS | HUP_BITS, poll_now(fd));
}

TEST(poll_forgets_a_killed_waiter)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_send, fd, 1);
	await_waiters(fd, 1, 0);
	EXPECT_EQ(IN_BITS, poll_now(fd));
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peer));
	EXPECT_EQ(0, poll_now(fd));

	peer = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(OUT_BITS, poll_now(fd));
	EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peer));
	EXPECT_EQ(0, poll_now(fd));
}

/* Wake-ups of a task asleep in poll, select and epoll_wait. */

static int peer_poll(struct peer *peer)
{
	struct pollfd pfd = { .fd = peer->fd, .events = peer->value };
	int ret;

	peer_ready(peer);
	ret = poll(&pfd, 1, -1);
	peer->value = pfd.revents;
	return ret;
}

static int peer_select(struct peer *peer)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(peer->fd, &set);
	peer_ready(peer);
	if (peer->value & POLLIN)
		return select(peer->fd + 1, &set, NULL, NULL, NULL);
	return select(peer->fd + 1, NULL, &set, NULL, NULL);
}

static int peer_epoll(struct peer *peer)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_add(ep, peer->fd, peer->value))
		return PEER_FAILED;
	peer_ready(peer);
	peer->value = epoll_get(ep, -1);
	return peer->value > 0;
}

FIXTURE(wakeup) {
	int fd;
	struct peer *peer;
};

FIXTURE_VARIANT(wakeup) {
	int (*sleep)(struct peer *peer);
};

FIXTURE_VARIANT_ADD(wakeup, poll) {
	.sleep = peer_poll,
};

FIXTURE_VARIANT_ADD(wakeup, select) {
	.sleep = peer_select,
};

FIXTURE_VARIANT_ADD(wakeup, epoll) {
	.sleep = peer_epoll,
};

FIXTURE_SETUP(wakeup)
{
	self->fd = -1;
}

FIXTURE_TEARDOWN(wakeup)
{
	close(self->fd);
}

#define sleeper_start(events)						\
	do {								\
		self->peer = peer_start(variant->sleep, self->fd,	\
					events);			\
		await_asleep(self->peer);				\
	} while (0)

/* select() returns the number of fds, and leaves the peer's value alone. */
#define sleeper_saw(events)						\
	do {								\
		EXPECT_EQ(1, peer_join(self->peer));			\
		if (variant->sleep != peer_select)			\
			EXPECT_EQ((__u64)(events), self->peer->value);	\
	} while (0)

TEST_F(wakeup, when_a_message_is_buffered)
{
	self->fd = new_chan(0, 8, 1);
	sleeper_start(POLLIN);
	EXPECT_EQ(0, try_send_u64(self->fd, 1));
	sleeper_saw(POLLIN);
}

TEST_F(wakeup, when_a_slot_becomes_free)
{
	self->fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(self->fd, 1));
	sleeper_start(POLLOUT);
	check_next(self->fd, 1);
	sleeper_saw(POLLOUT);
}

TEST_F(wakeup, when_a_sender_parks_without_buffer)
{
	struct peer *sender;

	self->fd = new_chan(0, 8, 0);
	sleeper_start(POLLIN);
	sender = peer_start(peer_send, self->fd, 3);
	sleeper_saw(POLLIN);
	await_waiters(self->fd, 1, 0);
	check_next(self->fd, 3);
	EXPECT_EQ(0, peer_join(sender));
}

TEST_F(wakeup, when_a_receiver_parks_without_buffer)
{
	struct peer *receiver;

	self->fd = new_chan(0, 8, 0);
	sleeper_start(POLLOUT);
	receiver = peer_start(peer_recv, self->fd, 0);
	sleeper_saw(POLLOUT);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, try_send_u64(self->fd, 4));
	EXPECT_EQ(1, peer_join(receiver));
	EXPECT_EQ(4, receiver->value);
}

TEST_F(wakeup, of_a_reader_when_closed)
{
	self->fd = new_chan(0, 8, 1);
	sleeper_start(POLLIN);
	EXPECT_EQ(0, chan_close(self->fd));
	sleeper_saw(POLLIN | POLLHUP);
}

TEST_F(wakeup, of_a_writer_when_closed)
{
	self->fd = new_chan(0, 8, 0);
	sleeper_start(POLLOUT);
	EXPECT_EQ(0, chan_close(self->fd));
	sleeper_saw(POLLOUT | POLLHUP);
}

TEST(wakeup_of_a_poll_for_nothing_when_closed)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 1);
	peer = peer_start(peer_poll, fd, 0);
	await_asleep(peer);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(POLLHUP, peer->value);
}

TEST(wakeup_of_every_task_in_poll)
{
	struct peer *peers[4];
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 1);
	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		peers[i] = peer_start(peer_poll, fd, POLLIN);
		await_asleep(peers[i]);
	}
	EXPECT_EQ(0, try_send_u64(fd, 1));
	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		EXPECT_EQ(1, peer_join(peers[i]));
		EXPECT_EQ(POLLIN, peers[i]->value);
	}
	check_next(fd, 1);
}

/* A watcher in the queue, before or behind, must not cost a receiver. */
TEST(poll_sleeper_does_not_take_the_hand_off)
{
	struct peer *before, *receiver, *after;
	int fd;

	fd = new_chan(0, 8, 1);
	before = peer_start(peer_poll, fd, POLLIN);
	await_asleep(before);
	receiver = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	after = peer_start(peer_poll, fd, POLLIN);
	await_asleep(after);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(1, peer_join(receiver));
	EXPECT_EQ(1, receiver->value);
	check_info(fd, 0, 0, 0, 0);
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(1, peer_join(before));
	EXPECT_EQ(1, peer_join(after));
	check_next(fd, 2);
}

/* Edge-triggered. */

TEST(edge_in_comes_for_each_message)
{
	unsigned int i;
	int fd, ep;

	fd = new_chan(0, 8, 4);
	ep = new_epoll(fd, EPOLLIN | EPOLLET);
	EXPECT_EQ(0, epoll_get(ep, 0));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, try_send_u64(fd, i));
		EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
		EXPECT_EQ(0, epoll_get(ep, 0));
	}
	/* Taking messages away makes none receivable. */
	check_next(fd, 0);
	EXPECT_EQ(0, epoll_get(ep, 0));
}

TEST(edge_in_comes_for_a_message_that_was_there_before)
{
	int fd, ep;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	ep = new_epoll(fd, EPOLLIN | EPOLLET);
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	EXPECT_EQ(0, epoll_get(ep, 0));
}

TEST(edge_out_comes_for_each_slot)
{
	unsigned int i;
	int fd, ep;

	fd = new_chan(0, 8, 4);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, try_send_u64(fd, i));
	ep = new_epoll(fd, EPOLLOUT | EPOLLET);
	EXPECT_EQ(0, epoll_get(ep, 0));
	for (i = 0; i < 4; i++) {
		check_next(fd, i);
		EXPECT_EQ(EPOLLOUT, epoll_get(ep, 0));
		EXPECT_EQ(0, epoll_get(ep, 0));
	}
	/* Filling slots frees none. */
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, epoll_get(ep, 0));
}

TEST(edge_in_comes_for_each_sender_that_parks_without_buffer)
{
	struct peer *peers[3];
	unsigned int i;
	int fd, ep;

	fd = new_chan(0, 8, 0);
	ep = new_epoll(fd, EPOLLIN | EPOLLET);
	for (i = 0; i < 3; i++) {
		peers[i] = peer_start(peer_send, fd, i);
		await_waiters(fd, i + 1, 0);
		EXPECT_EQ(EPOLLIN, epoll_get(ep, EVENT_MS));
		EXPECT_EQ(0, epoll_get(ep, 0));
	}
	for (i = 0; i < 3; i++) {
		check_next(fd, i);
		EXPECT_EQ(0, peer_join(peers[i]));
	}
	EXPECT_EQ(0, epoll_get(ep, 0));
}

TEST(edge_out_comes_for_each_receiver_that_parks_without_buffer)
{
	struct peer *peers[3];
	unsigned int i;
	int fd, ep;

	fd = new_chan(0, 8, 0);
	ep = new_epoll(fd, EPOLLOUT | EPOLLET);
	for (i = 0; i < 3; i++) {
		peers[i] = peer_start(peer_recv, fd, 0);
		await_waiters(fd, 0, i + 1);
		EXPECT_EQ(EPOLLOUT, epoll_get(ep, EVENT_MS));
		EXPECT_EQ(0, epoll_get(ep, 0));
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, try_send_u64(fd, i));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, peer_join(peers[i]));
	EXPECT_EQ(0, epoll_get(ep, 0));
}

/* The receive moves the sleeping sender's message into the slot it has freed. */
TEST(edge_in_comes_when_a_sleeping_sender_gets_the_slot)
{
	struct peer *peer;
	int fd, in, out;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	peer = peer_start(peer_send, fd, 2);
	await_waiters(fd, 1, 0);
	in = new_epoll(fd, EPOLLIN | EPOLLET);
	out = new_epoll(fd, EPOLLOUT | EPOLLET);
	EXPECT_EQ(EPOLLIN, epoll_get(in, 0));
	EXPECT_EQ(0, epoll_get(in, 0));
	check_next(fd, 1);
	EXPECT_EQ(EPOLLIN, epoll_get(in, 0));
	EXPECT_EQ(0, epoll_get(in, 0));
	EXPECT_EQ(0, epoll_get(out, 0));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(IN_BITS, poll_now(fd));
	check_next(fd, 2);
	EXPECT_EQ(EPOLLOUT, epoll_get(out, 0));
}

TEST(edge_in_does_not_come_for_a_hand_off)
{
	struct peer *peer;
	int fd, ep;

	fd = new_chan(0, 8, 1);
	ep = new_epoll(fd, EPOLLIN | EPOLLET);
	peer = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
}

/*
 * Readiness at the time of epoll_wait() would hide a stray event above. Here
 * an old message keeps the channel readable, so that a stray event shows.
 */
TEST(edge_events_are_not_made_up)
{
	__u64 value = 3;
	int fd, in;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	in = new_epoll(fd, EPOLLIN | EPOLLET);
	EXPECT_EQ(EPOLLIN, epoll_get(in, 0));
	EXPECT_EQ(-EAGAIN, try_send_u64(fd, 3));
	EXPECT_EQ(0, epoll_get(in, 0));
	EXPECT_EQ(-ETIMEDOUT, send_msg(fd, &value, 8, 0, 0));
	EXPECT_EQ(0, epoll_get(in, 0));
	EXPECT_EQ(IN_BITS, poll_now(fd));
	EXPECT_EQ(0, epoll_get(in, 0));
	check_next(fd, 1);
	EXPECT_EQ(0, epoll_get(in, 0));
}

TEST(edge_comes_for_the_close)
{
	int fd, in, out, none;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	in = new_epoll(fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	out = new_epoll(fd, EPOLLOUT | EPOLLET);
	none = new_epoll(fd, EPOLLET);
	EXPECT_EQ(EPOLLIN, epoll_get(in, 0));
	EXPECT_EQ(0, epoll_get(out, 0));
	EXPECT_EQ(0, epoll_get(none, 0));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP | EPOLLHUP, epoll_get(in, 0));
	EXPECT_EQ(EPOLLOUT | EPOLLHUP, epoll_get(out, 0));
	EXPECT_EQ(EPOLLHUP, epoll_get(none, 0));
	EXPECT_EQ(0, epoll_get(in, 0));
}

TEST(level_event_stays_until_drained)
{
	int fd, ep;

	fd = new_chan(0, 8, 2);
	ep = new_epoll(fd, EPOLLIN);
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	check_next(fd, 1);
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	check_next(fd, 2);
	EXPECT_EQ(0, epoll_get(ep, 0));
}

TEST(oneshot_reports_once_until_rearmed)
{
	int fd, ep;

	fd = new_chan(0, 8, 3);
	ep = new_epoll(fd, EPOLLIN | EPOLLONESHOT);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, epoll_mod(ep, fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	EXPECT_EQ(0, epoll_get(ep, 0));
	/* Disarmed, it does not even see the close. */
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, epoll_mod(ep, fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_get(ep, 0));
}

/* More watchers than a sender wakes itself: none is left out. */
TEST(crowd_of_watchers_hears_of_everything)
{
	int fd = new_chan(0, 8, 1), ep[200];
	unsigned int i;
	__u64 val;

	for (i = 0; i < ARRAY_SIZE(ep); i++) {
		ep[i] = epoll_create1(EPOLL_CLOEXEC);
		ASSERT_LE(0, ep[i]);
		ASSERT_EQ(0, epoll_add(ep[i], fd, EPOLLIN | EPOLLET));
	}
	EXPECT_EQ(0, try_send_u64(fd, 7));
	for (i = 0; i < ARRAY_SIZE(ep); i++)
		EXPECT_EQ(EPOLLIN, epoll_get(ep[i], -1));
	EXPECT_EQ(1, try_recv_u64(fd, &val));
	EXPECT_EQ(0, chan_close(fd));
	for (i = 0; i < ARRAY_SIZE(ep); i++) {
		EXPECT_EQ(EPOLLIN | EPOLLHUP, epoll_get(ep[i], -1));
		close(ep[i]);
	}
	close(fd);
}

/* EPOLLEXCLUSIVE: an exclusive entry in the same queue as the receivers. */

FIXTURE(exclusive) {
	int fd;
	int ep;
	struct peer *watcher;
};

FIXTURE_VARIANT(exclusive) {
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(exclusive, unbuffered) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(exclusive, buffered) {
	.capacity = 1,
};

FIXTURE_SETUP(exclusive)
{
	self->fd = new_chan(0, 8, variant->capacity);
	self->ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, self->ep);
}

FIXTURE_TEARDOWN(exclusive)
{
	close(self->ep);
	close(self->fd);
}

static int peer_epoll_wait(struct peer *peer)
{
	peer_ready(peer);
	return epoll_get(peer->value, -1);
}

#define watcher_start(events)						\
	do {								\
		ASSERT_EQ(0, epoll_add(self->ep, self->fd,		\
				       (events) | EPOLLEXCLUSIVE));	\
		self->watcher = peer_start(peer_epoll_wait, self->fd,	\
					   self->ep);			\
		await_asleep(self->watcher);				\
	} while (0)

TEST_F(exclusive, watcher_first_leaves_the_receiver_its_message)
{
	struct peer *receiver;

	watcher_start(EPOLLIN);
	receiver = peer_start(peer_recv, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, try_send_u64(self->fd, 7));
	EXPECT_EQ(1, peer_join(receiver));
	EXPECT_EQ(7, receiver->value);
	check_info(self->fd, 0, 0, 0, 0);
	peer_kill(self->watcher);
}

TEST_F(exclusive, watcher_behind_leaves_the_receiver_its_message)
{
	struct peer *receiver;

	receiver = peer_start(peer_recv, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	watcher_start(EPOLLIN);
	EXPECT_EQ(0, try_send_u64(self->fd, 7));
	EXPECT_EQ(1, peer_join(receiver));
	EXPECT_EQ(7, receiver->value);
	peer_kill(self->watcher);
}

TEST_F(exclusive, watcher_between_leaves_two_receivers_theirs)
{
	struct peer *a, *b;

	a = peer_start(peer_recv, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	watcher_start(EPOLLIN);
	b = peer_start(peer_recv, self->fd, 0);
	await_waiters(self->fd, 0, 2);
	EXPECT_EQ(0, try_send_u64(self->fd, 7));
	EXPECT_EQ(0, try_send_u64(self->fd, 8));
	EXPECT_EQ(1, peer_join(a));
	EXPECT_EQ(1, peer_join(b));
	EXPECT_EQ(7, a->value);
	EXPECT_EQ(8, b->value);
	peer_kill(self->watcher);
}

TEST_F(exclusive, watcher_leaves_the_sender_its_hand_off)
{
	struct peer *sender;
	__u32 n;

	for (n = 0; n < variant->capacity; n++)
		EXPECT_EQ(0, try_send_u64(self->fd, n));
	watcher_start(EPOLLOUT);
	sender = peer_start(peer_send, self->fd, n);
	await_waiters(self->fd, 1, 0);
	check_next(self->fd, 0);
	EXPECT_EQ(0, peer_join(sender));
	check_info(self->fd, variant->capacity, 0, 0, 0);
	peer_kill(self->watcher);
}

TEST_F(exclusive, watcher_alone_is_woken)
{
	struct peer *sender;
	__u64 value;

	watcher_start(EPOLLIN);
	sender = peer_start(peer_send, self->fd, 5);
	EXPECT_EQ(EPOLLIN, peer_join(self->watcher));
	EXPECT_EQ(1, recv_u64(self->fd, &value));
	EXPECT_EQ(5, value);
	EXPECT_EQ(0, peer_join(sender));
}

TEST_F(exclusive, watchers_are_woken_one_by_one)
{
	struct peer *first, *second;
	int fd;

	fd = new_chan(0, 8, 2);
	first = peer_start(peer_epoll, fd, EPOLLIN | EPOLLEXCLUSIVE);
	await_asleep(first);
	second = peer_start(peer_epoll, fd, EPOLLIN | EPOLLEXCLUSIVE);
	await_asleep(second);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	ASSERT_TRUE(wait_for(peer_done(first) || peer_done(second)));
	EXPECT_FALSE(peer_done(first) && peer_done(second));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(1, peer_join(first));
	EXPECT_EQ(1, peer_join(second));
	check_next(fd, 1);
	check_next(fd, 2);
}

TEST_F(exclusive, watchers_are_all_woken_by_the_close)
{
	struct peer *watchers[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watchers); i++) {
		watchers[i] = peer_start(peer_epoll, self->fd,
					 EPOLLIN | EPOLLEXCLUSIVE);
		await_asleep(watchers[i]);
	}
	EXPECT_EQ(0, chan_close(self->fd));
	for (i = 0; i < ARRAY_SIZE(watchers); i++) {
		EXPECT_EQ(1, peer_join(watchers[i]));
		EXPECT_EQ(EPOLLIN | EPOLLHUP, watchers[i]->value);
	}
}

TEST_F(exclusive, watchers_do_not_swallow_the_close)
{
	struct peer *receiver;

	watcher_start(EPOLLIN);
	receiver = peer_start(peer_recv, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(0, chan_close(self->fd));
	EXPECT_EQ(0, peer_join(receiver));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, peer_join(self->watcher));
}

/* Lifetime. */

TEST(epoll_forgets_a_closed_fd)
{
	int fd, ep;

	fd = new_chan(0, 8, 1);
	ep = new_epoll(fd, EPOLLIN | EPOLLOUT);
	EXPECT_EQ(EPOLLOUT, epoll_get(ep, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, close(ep));
}

TEST(epoll_fd_closed_first_leaves_the_channel_working)
{
	int fd, ep;

	fd = new_chan(0, 8, 1);
	ep = new_epoll(fd, EPOLLIN | EPOLLOUT);
	EXPECT_EQ(0, close(ep));
	EXPECT_EQ(0, try_send_u64(fd, 1));
	check_next(fd, 1);
	EXPECT_EQ(0, chan_close(fd));
	check_info(fd, 0, 1, 0, 0);
}

TEST_HARNESS_MAIN
