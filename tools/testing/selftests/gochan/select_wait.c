// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_IOC_SELECT asleep: who serves it, what wakes it, what ends it, and
 * that it leaves nothing behind in the channels that did not.
 */

#include <pthread.h>

#include "select_test.h"

/* Being served. */

TEST(sleeping_receive_is_handed_the_message)
{
	struct selection *s = selection_new();
	int a = new_chan(0, 8, 0), b = new_chan(0, 8, 2);
	struct peer *peer;

	add_recv(s, a);
	add_recv(s, b);
	peer = selection_start(s);
	await_waiters(a, 0, 1);
	await_waiters(b, 0, 1);
	EXPECT_EQ(0, try_send_u64(b, 7));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(7, s->values[1]);
	EXPECT_EQ(1, s->cases[1].ok);
	EXPECT_EQ(POISON_U64, s->values[0]);
	check_info(a, 0, 0, 0, 0);
	check_info(b, 0, 0, 0, 0);
}

TEST(sleeping_send_hands_its_message_over)
{
	struct selection *s = selection_new();
	int a = new_chan(0, 8, 0), b = new_chan(0, 8, 1);
	struct peer *peer;

	ASSERT_EQ(0, try_send_u64(b, 1));
	add_send(s, a, 7);
	add_send(s, b, 8);
	peer = selection_start(s);
	await_waiters(a, 1, 0);
	await_waiters(b, 1, 0);
	check_next(a, 7);
	EXPECT_EQ(0, peer_join(peer));
	check_info(a, 0, 0, 0, 0);
	check_info(b, 1, 0, 0, 0);
	check_next(b, 1);
	check_drained(b);
}

TEST(sleeping_send_gets_the_slot_that_becomes_free)
{
	struct selection *s = selection_new();
	int a = new_chan(0, 8, 0), b = new_chan(0, 8, 1);
	struct peer *peer;

	ASSERT_EQ(0, try_send_u64(b, 1));
	add_recv(s, a);
	add_send(s, b, 8);
	peer = selection_start(s);
	await_waiters(a, 0, 1);
	await_waiters(b, 1, 0);
	check_next(b, 1);
	EXPECT_EQ(1, peer_join(peer));
	check_info(a, 0, 0, 0, 0);
	check_next(b, 8);
}

TEST(each_of_64_channels_can_wake)
{
	struct selection *s = selection_new();
	int fds[GOCHAN_SELECT_MAX], i, k;
	struct peer *peer;

	for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++)
		fds[i] = new_chan(0, 8, i % 2);
	for (k = 0; k < (int)GOCHAN_SELECT_MAX; k++) {
		selection_reset(s);
		for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++)
			add_recv(s, fds[i]);
		peer = selection_start(s);
		await_waiters(fds[k], 0, 1);
		EXPECT_EQ(0, send_u64(fds[k], k));
		EXPECT_EQ(k, peer_join(peer));
		EXPECT_EQ(k, (int)s->values[k]);
		for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++)
			check_info(fds[i], 0, 0, 0, 0);
	}
}

TEST(selects_and_receives_are_served_in_order)
{
	struct selection *s[3];
	struct peer *peers[6];
	int fd, other, i;

	fd = new_chan(0, 8, 0);
	other = new_chan(0, 8, 0);
	for (i = 0; i < 6; i++) {
		if (i % 2) {
			s[i / 2] = selection_new();
			add_recv(s[i / 2], other);
			add_recv(s[i / 2], fd);
			peers[i] = selection_start(s[i / 2]);
		} else {
			peers[i] = peer_start(peer_recv, fd, 0);
		}
		await_waiters(fd, 0, i + 1);
	}
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(0, try_send_u64(fd, i));
		EXPECT_EQ(1, peer_join(peers[i]));
		EXPECT_EQ(i, (int)(i % 2 ? s[i / 2]->values[1] :
					   peers[i]->value));
		check_info(fd, 0, 0, 0, 5 - i);
	}
	check_info(other, 0, 0, 0, 0);
}

TEST(two_selects_serve_each_other)
{
	struct selection *a = selection_new(), *b = selection_new();
	int fd = new_chan(0, 8, 0), other = new_chan(0, 8, 0);
	struct selection *receiver;
	struct peer *peer;
	int ret;

	add_recv(a, other);
	add_send(a, fd, 1);
	add_recv(a, fd);
	peer = selection_start(a);
	await_waiters(fd, 1, 1);
	add_send(b, fd, 2);
	add_recv(b, fd);
	ret = try_select(b);
	ASSERT_TRUE(ret == 0 || ret == 1);
	EXPECT_EQ(ret ? 1 : 2, peer_join(peer));
	receiver = ret ? b : a;
	EXPECT_EQ(ret ? 1 : 2, (int)receiver->values[ret ? 1 : 2]);
	check_info(fd, 0, 0, 0, 0);
	check_info(other, 0, 0, 0, 0);
}

/* One message comes, whichever of the tickets it is for. */
TEST(sleeping_receives_on_one_channel_have_equal_chances)
{
	unsigned int n = scaled(300, 40), i, first = 0;
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 0), off;

	add_recv(s, fd);
	add_recv(s, fd);
	for (i = 0; i < n; i++) {
		struct peer *peer = selection_start(s);

		await_waiters(fd, 0, 2);
		ASSERT_EQ(0, try_send_u64(fd, i));
		first += peer_join(peer) == 0;
		check_info(fd, 0, 0, 0, 0);
		munmap(peer, SHARED_MIN);
	}
	/* 10 sigma. */
	off = 2 * first - n;
	EXPECT_LE(off * off, (int)(100 * n));
}

/* Closing. */

TEST(close_shows_a_sleeping_receive_the_end)
{
	struct selection *s = selection_new();
	int a = new_chan(0, 8, 0), b = new_chan(0, 8, 2);
	struct peer *peer;

	add_recv(s, a);
	add_recv(s, b);
	peer = selection_start(s);
	await_waiters(b, 0, 1);
	EXPECT_EQ(0, chan_close(b));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(0, s->cases[1].ok);
	EXPECT_EQ(8, s->cases[1].len);
	EXPECT_EQ(0, s->values[1]);
	EXPECT_EQ(POISON_U64, s->values[0]);
	check_info(a, 0, 0, 0, 0);
	check_info(b, 0, 1, 0, 0);
}

TEST(close_fails_a_sleeping_send_and_names_it)
{
	struct selection *s = selection_new();
	int a = new_chan(0, 8, 0), b = new_chan(0, 8, 0);
	struct peer *peer;

	add_recv(s, a);
	add_recv(s, -1);
	add_send(s, b, 1);
	peer = selection_start(s);
	await_waiters(b, 1, 0);
	EXPECT_EQ(0, chan_close(b));
	EXPECT_EQ(-EPIPE, peer_join(peer));
	EXPECT_EQ(2, s->args.index);
	check_info(a, 0, 0, 0, 0);
	check_info(b, 0, 1, 0, 0);
}

TEST(close_of_a_channel_in_both_directions_is_received)
{
	struct selection *s = selection_new();
	struct peer *peer;
	int round, fd;

	for (round = 0; round < 10; round++) {
		fd = new_chan(0, 8, 0);
		selection_reset(s);
		add_send(s, fd, 1);
		add_recv(s, fd);
		peer = selection_start(s);
		await_waiters(fd, 1, 1);
		EXPECT_EQ(0, chan_close(fd));
		EXPECT_EQ(1, peer_join(peer));
		EXPECT_EQ(0, s->cases[1].ok);
		check_info(fd, 0, 1, 0, 0);
		close(fd);
	}
}

/* The descriptors may be closed while it sleeps: it holds the channels. */

static void *thread_select(void *arg)
{
	return (void *)(intptr_t)run_select(arg);
}

TEST(select_outlives_the_descriptors_it_was_given)
{
	struct selection *s = selection_new();
	int a, b, copy, event;
	pthread_t thread;
	void *ret;

	a = new_chan(0, 8, 0);
	b = new_chan(0, 8, 0);
	event = new_event(0);
	copy = dup(b);
	ASSERT_LE(0, copy);
	add_recv(s, a);
	add_recv(s, copy);
	add_poll(s, event, EPOLLIN);
	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_select, s));
	await_waiters(b, 0, 1);
	/* Nothing else refers to these any more. */
	EXPECT_EQ(0, close(a));
	EXPECT_EQ(0, close(event));
	EXPECT_EQ(0, close(copy));
	EXPECT_EQ(0, try_send_u64(b, 3));
	EXPECT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(1, (intptr_t)ret);
	EXPECT_EQ(3, s->values[1]);
}

/* Deadlines. */

FIXTURE(deadline) {
	int empty;
	int full;
	struct selection *s;
};

FIXTURE_VARIANT(deadline) {
	clockid_t clock;
	__u32 flags;
	bool cases;
};

FIXTURE_VARIANT_ADD(deadline, monotonic) {
	.clock = CLOCK_MONOTONIC,
	.cases = true,
};

FIXTURE_VARIANT_ADD(deadline, realtime) {
	.clock = CLOCK_REALTIME,
	.flags = GOCHAN_SELECT_REALTIME,
	.cases = true,
};

FIXTURE_VARIANT_ADD(deadline, without_cases) {
	.clock = CLOCK_MONOTONIC,
};

FIXTURE_SETUP(deadline)
{
	self->empty = new_chan(0, 8, 1);
	self->full = new_chan(0, 8, 1);
	ASSERT_EQ(0, try_send_u64(self->full, 1));
	self->s = selection_new();
	if (!variant->cases)
		return;
	add_recv(self->s, self->empty);
	add_send(self->s, self->full, 2);
	add_recv(self->s, -1);
}

FIXTURE_TEARDOWN(deadline)
{
	check_info(self->empty, 0, 0, 0, 0);
	check_info(self->full, 1, 0, 0, 0);
	close(self->full);
	close(self->empty);
}

TEST_F(deadline, that_has_passed_ends_it_at_once)
{
	const __u64 deadlines[] = { 0, 1, now_ns(variant->clock) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		EXPECT_EQ(-ETIMEDOUT, run_select_flags(self->s, variant->flags,
						       deadlines[i]));
		EXPECT_EQ(GOCHAN_NO_CASE, self->s->args.index);
	}
}

TEST_F(deadline, is_not_early)
{
	__u64 deadline = now_ns(variant->clock) + 60 * NSEC_PER_MSEC;

	EXPECT_EQ(-ETIMEDOUT, run_select_flags(self->s, variant->flags,
					       deadline));
	EXPECT_LE(deadline, now_ns(variant->clock));
	EXPECT_EQ(GOCHAN_NO_CASE, self->s->args.index);
	EXPECT_EQ(POISON_U64, self->s->values[0]);
}

TEST_F(deadline, does_not_keep_it_from_what_is_ready)
{
	add_send(self->s, self->empty, 5);
	EXPECT_EQ((int)self->s->args.nr - 1,
		  run_select_flags(self->s, variant->flags, 0));
	check_next(self->empty, 5);
}

TEST_F(deadline, of_the_far_future_waits)
{
	static const __u64 deadlines[] = {
		GOCHAN_NO_DEADLINE - 1, 1ULL << 63, (1ULL << 63) - 1,
	};
	struct peer *peer;
	unsigned int i;

	add_recv(self->s, self->empty);
	self->s->args.flags = variant->flags;
	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		self->s->args.deadline = deadlines[i];
		peer = selection_start(self->s);
		await_waiters(self->empty, 0, variant->cases + 1);
		EXPECT_EQ(0, try_send_u64(self->empty, i));
		EXPECT_LE(0, peer_join(peer));
	}
}

TEST_F(deadline, is_nothing_with_o_nonblock_on_the_device)
{
	ASSERT_EQ(0, fd_set_nonblock(gochan_dev, true));
	EXPECT_EQ(-EAGAIN, run_select_flags(self->s, variant->flags,
					    now_ns(variant->clock) +
					    3600 * NSEC_PER_SEC));
	ASSERT_EQ(0, fd_set_nonblock(gochan_dev, false));
}

/* It is for calls on the channel itself, and this is one on the device. */
TEST_F(deadline, holds_with_o_nonblock_on_the_channels)
{
	__u64 deadline = now_ns(variant->clock) + 10 * NSEC_PER_MSEC;

	ASSERT_EQ(0, fd_set_nonblock(self->empty, true));
	ASSERT_EQ(0, fd_set_nonblock(self->full, true));
	EXPECT_EQ(-ETIMEDOUT, run_select_flags(self->s, variant->flags,
					       deadline));
	EXPECT_LE(deadline, now_ns(variant->clock));
}

/* Signals. */

static int peer_select_eintr(struct peer *peer)
{
	if (handle_signal(SIGUSR1, 0))
		return PEER_FAILED;
	return peer_run_select(peer);
}

static int peer_select_restart(struct peer *peer)
{
	if (handle_signal(SIGUSR1, SA_RESTART))
		return PEER_FAILED;
	return peer_run_select(peer);
}

static int signals_of(struct peer *peer)
{
	return __atomic_load_n(&peer->signals, __ATOMIC_SEQ_CST);
}

/* Signal the peer, asleep in its call, and wait until its handler ran. */
static bool signal_sleeper(struct peer *peer)
{
	int before = signals_of(peer);

	return !kill(peer->pid, SIGUSR1) &&
	       wait_for(signals_of(peer) > before);
}

FIXTURE(signalled) {
	int in;
	int out;
	struct selection *s;
};

FIXTURE_SETUP(signalled)
{
	self->in = new_chan(0, 8, 0);
	self->out = new_chan(0, 8, 1);
	ASSERT_EQ(0, try_send_u64(self->out, 1));
	self->s = selection_new();
	add_recv(self->s, self->in);
	add_send(self->s, self->out, 2);
}

FIXTURE_TEARDOWN(signalled)
{
	close(self->out);
	close(self->in);
}

TEST_F(signalled, without_restart_it_is_interrupted)
{
	struct peer *peer = peer_start(peer_select_eintr, gochan_dev,
				       (uintptr_t)self->s);

	await_waiters(self->in, 0, 1);
	await_waiters(self->out, 1, 0);
	ASSERT_TRUE(signal_sleeper(peer));
	EXPECT_EQ(-EINTR, peer_join(peer));
	EXPECT_EQ(GOCHAN_NO_CASE, self->s->args.index);
	EXPECT_EQ(POISON_U64, self->s->values[0]);
	check_info(self->in, 0, 0, 0, 0);
	check_info(self->out, 1, 0, 0, 0);
}

TEST_F(signalled, with_restart_it_goes_on)
{
	struct peer *peer = peer_start(peer_select_restart, gochan_dev,
				       (uintptr_t)self->s);
	int i;

	for (i = 0; i < 3; i++) {
		await_waiters(self->in, 0, 1);
		await_waiters(self->out, 1, 0);
		ASSERT_TRUE(signal_sleeper(peer));
	}
	await_waiters(self->in, 0, 1);
	EXPECT_EQ(0, try_send_u64(self->in, 9));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(9, self->s->values[0]);
	EXPECT_EQ(3, signals_of(peer));
	check_info(self->out, 1, 0, 0, 0);
}

TEST_F(signalled, without_cases_it_is_interrupted)
{
	struct peer *peer;

	selection_reset(self->s);
	peer = peer_start(peer_select_eintr, gochan_dev, (uintptr_t)self->s);
	await_asleep(peer);
	EXPECT_FALSE(peer_done(peer));
	ASSERT_TRUE(signal_sleeper(peer));
	EXPECT_EQ(-EINTR, peer_join(peer));
	EXPECT_EQ(GOCHAN_NO_CASE, self->s->args.index);
}

TEST_F(signalled, while_stopped_it_leaves_messages_to_others)
{
	struct peer *peer = selection_start(self->s);
	int status;

	await_waiters(self->in, 0, 1);
	ASSERT_EQ(0, kill(peer->pid, SIGSTOP));
	ASSERT_EQ(peer->pid, waitpid(peer->pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(peer->pid, SIGCONT));
	await_waiters(self->in, 0, 1);
	EXPECT_EQ(0, try_send_u64(self->in, 4));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_EQ(4, self->s->values[0]);
}

TEST_F(signalled, its_deadline_holds)
{
	struct peer *peer;
	__u64 deadline;

	/* Far enough for a slow machine to get several signals through. */
	deadline = in_ms(2000);
	self->s->args.deadline = deadline;
	peer = peer_start(peer_select_restart, gochan_dev, (uintptr_t)self->s);
	while (!peer_done(peer) &&
	       now_ns(CLOCK_MONOTONIC) < deadline + STATE_TIMEOUT) {
		/* Each signal hits a peer that is asleep again. */
		if (has_waiters(self->in, 0, 0))
			sched_yield();
		else
			kill(peer->pid, SIGUSR1);
	}
	EXPECT_LE(deadline, now_ns(CLOCK_MONOTONIC));
	EXPECT_TRUE(peer_done(peer));
	if (!peer_done(peer))
		kill(peer->pid, SIGKILL);
	EXPECT_EQ(-ETIMEDOUT, peer_join(peer));
	EXPECT_LT(0, signals_of(peer));
	check_info(self->in, 0, 0, 0, 0);
	check_info(self->out, 1, 0, 0, 0);
}

/*
 * What happened is never reported as EINTR: the peer repeats what was
 * interrupted, so a false EINTR doubles a message, or loses one. Empty-handed
 * it asks for a message, and then offers it, until the first channel ends.
 */
static int peer_relay(struct peer *peer)
{
	struct selection *s = (void *)(uintptr_t)peer->value;
	int in = s->cases[0].fd, out = s->cases[1].fd, ret;

	if (handle_signal(SIGUSR1, 0))
		return PEER_FAILED;
	s->cases[1].fd = -1;
	for (;;) {
		ret = run_select(s);
		if (ret == -EINTR)
			continue;
		if (ret < 0 || (!ret && !s->cases[0].ok))
			return ret;
		s->values[1] = s->values[0];
		s->cases[ret].fd = -1;
		if (ret)
			s->cases[0].fd = in;
		else
			s->cases[1].fd = out;
	}
}

TEST_F(signalled, it_neither_loses_nor_doubles_a_message)
{
	__u64 i, value, count = scaled(3000, 100);
	int out = new_chan(0, 8, 0);
	struct peer *peer;

	self->s->cases[1].fd = out;
	peer = peer_start(peer_relay, gochan_dev, (uintptr_t)self->s);
	await_waiters(self->in, 0, 1);
	for (i = 0; i < count; i++) {
		kill(peer->pid, SIGUSR1);
		ASSERT_EQ(0, send_u64(self->in, i));
		kill(peer->pid, SIGUSR1);
		ASSERT_EQ(1, recv_u64(out, &value));
		ASSERT_EQ(i, value);
	}
	EXPECT_EQ(0, chan_close(self->in));
	EXPECT_EQ(0, peer_join(peer));
	EXPECT_LT(0, signals_of(peer));
	check_info(out, 0, 0, 0, 0);
}

/* Killing. */

TEST(killed_select_leaves_nothing_behind)
{
	struct selection *s = selection_new();
	int fds[GOCHAN_SELECT_MAX], event, i;
	struct peer *peers[3];

	event = new_event(0);
	for (i = 0; i < (int)GOCHAN_SELECT_MAX - 1; i++) {
		fds[i] = new_chan(0, 8, 0);
		if (i % 2)
			add_send(s, fds[i], i);
		else
			add_recv(s, fds[i]);
	}
	add_poll(s, event, EPOLLIN);
	for (i = 0; i < 3; i++) {
		peers[i] = selection_start(s);
		await_waiters(fds[0], 0, i + 1);
		await_asleep(peers[i]);
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(PEER_KILLED(SIGKILL), peer_kill(peers[i]));
	for (i = 0; i < (int)GOCHAN_SELECT_MAX - 1; i++)
		check_info(fds[i], 0, 0, 0, 0);
	EXPECT_EQ(8, event_signal(event));
	EXPECT_EQ(1, event_take(event));
	for (i = 0; i < (int)GOCHAN_SELECT_MAX - 1; i++)
		EXPECT_EQ(-EAGAIN, try_send_u64(fds[i], 1));
}

TEST_HARNESS_MAIN
