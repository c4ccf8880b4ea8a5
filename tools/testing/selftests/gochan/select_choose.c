// SPDX-License-Identifier: GPL-2.0
/*
 * GOCHAN_IOC_SELECT among cases that are ready, or not: which one is chosen,
 * what it does, and that no other does anything.
 */

#include "select_test.h"

/* Is @count of @n what chance does with one of @k, within 10 sigma? */
static bool is_fair(__u64 count, __u64 n, __u64 k)
{
	__s64 off = (__s64)(count * k - n);

	return (__u64)(off * off) <= 100 * n * (k - 1);
}

/* Selects of one case. */

TEST(nothing_ready_does_nothing)
{
	struct selection *s = selection_new();
	int empty = new_chan(0, 8, 1), full = new_chan(0, 8, 1);
	int unbuffered = new_chan(0, 8, 0);

	ASSERT_EQ(0, try_send_u64(full, 1));
	add_recv(s, empty);
	add_send(s, full, 2);
	add_recv(s, unbuffered);
	add_send(s, unbuffered, 3);
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	EXPECT_EQ(POISON_U64, s->values[0]);
	EXPECT_EQ(POISON_U64, s->values[2]);
	check_info(empty, 0, 0, 0, 0);
	check_info(full, 1, 0, 0, 0);
	check_info(unbuffered, 0, 0, 0, 0);
	check_next(full, 1);
}

TEST(ready_receive_takes_the_oldest_message)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 2);

	ASSERT_EQ(0, try_send_u64(fd, 1));
	ASSERT_EQ(0, try_send_u64(fd, 2));
	add_recv(s, fd);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(1, s->values[0]);
	EXPECT_EQ(1, s->cases[0].ok);
	EXPECT_EQ(8, s->cases[0].len);
	check_next(fd, 2);
	check_drained(fd);
}

TEST(ready_send_sends)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 2);

	ASSERT_EQ(0, try_send_u64(fd, 1));
	add_send(s, fd, 2);
	EXPECT_EQ(0, run_select(s));
	check_next(fd, 1);
	check_next(fd, 2);
	check_drained(fd);
}

TEST(sleeping_peers_make_cases_ready)
{
	struct selection *s = selection_new();
	int in = new_chan(0, 8, 0), out = new_chan(0, 8, 0);
	struct peer *sender, *receiver;

	sender = peer_start(peer_send, in, 5);
	await_waiters(in, 1, 0);
	add_recv(s, in);
	add_send(s, out, 6);
	EXPECT_EQ(0, try_select(s));
	EXPECT_EQ(5, s->values[0]);
	EXPECT_EQ(0, peer_join(sender));
	receiver = peer_start(peer_recv, out, 0);
	await_waiters(out, 0, 1);
	EXPECT_EQ(1, try_select(s));
	EXPECT_EQ(1, peer_join(receiver));
	EXPECT_EQ(6, receiver->value);
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
}

TEST(receive_without_buffer_discards)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 2), varlen = new_chan(GOCHAN_CHAN_VARLEN, 8, 1);

	ASSERT_EQ(0, try_send_u64(fd, 1));
	ASSERT_EQ(0, try_send_u64(fd, 2));
	add_recv_msg(s, fd, NULL, 0);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(8, s->cases[0].len);
	EXPECT_EQ(1, s->cases[0].ok);
	check_next(fd, 2);

	ASSERT_EQ(0, chan_try_send(varlen, "abc", 3));
	selection_reset(s);
	add_recv_msg(s, varlen, NULL, 0);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(3, s->cases[0].len);
}

TEST(larger_room_is_not_written_beyond_the_message)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 1);

	ASSERT_EQ(0, try_send_u64(fd, 1));
	add_recv_msg(s, fd, s->values, 24);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(8, s->cases[0].len);
	EXPECT_EQ(1, s->values[0]);
	EXPECT_EQ(POISON_U64, s->values[1]);
}

TEST(varlen_messages_keep_their_length)
{
	static const __u32 lens[] = { 0, 1, 5, 8, 255, 256, 257, 4000 };
	unsigned char in[4000], out[4000];
	struct selection *s = selection_new();
	int fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(in), 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(in, i + 1, sizeof(in));
		poison(out, sizeof(out));
		selection_reset(s);
		add_send_msg(s, fd, in, lens[i]);
		add_recv_msg(s, fd, out, sizeof(out));
		EXPECT_EQ(0, try_select(s));
		EXPECT_EQ(1, try_select(s));
		EXPECT_EQ(lens[i], s->cases[1].len);
		EXPECT_EQ(0, memcmp(in, out, lens[i]));
		EXPECT_TRUE(is_poison(out + lens[i], sizeof(out) - lens[i]));
		EXPECT_EQ(1, s->cases[1].ok);
	}
}

TEST(elements_of_no_bytes_are_counted)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 0, 1);

	add_send_msg(s, fd, NULL, 0);
	add_recv_msg(s, fd, NULL, 0);
	EXPECT_EQ(0, try_select(s));
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(1, try_select(s));
	EXPECT_EQ(1, s->cases[1].ok);
	EXPECT_EQ(0, s->cases[1].len);
	check_info(fd, 0, 0, 0, 0);
}

/* Closed channels. */

TEST(receive_at_the_end_is_ready)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 2);

	ASSERT_EQ(0, try_send_u64(fd, 1));
	ASSERT_EQ(0, chan_close(fd));
	add_recv(s, fd);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(1, s->cases[0].ok);
	EXPECT_EQ(1, s->values[0]);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(0, s->cases[0].ok);
	EXPECT_EQ(8, s->cases[0].len);
	EXPECT_EQ(0, s->values[0]);
	s->cases[0].buf = 0;
	s->cases[0].len = 0;
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(0, s->cases[0].ok);
}

TEST(varlen_receive_at_the_end_leaves_the_buffer_alone)
{
	struct selection *s = selection_new();
	int fd = new_chan(GOCHAN_CHAN_VARLEN, 8, 2);

	ASSERT_EQ(0, chan_close(fd));
	add_recv(s, fd);
	EXPECT_EQ(0, run_select(s));
	EXPECT_EQ(0, s->cases[0].ok);
	EXPECT_EQ(0, s->cases[0].len);
	EXPECT_EQ(POISON_U64, s->values[0]);
}

TEST(send_to_a_closed_channel_fails_and_names_the_case)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 2), other = new_chan(0, 8, 1);

	ASSERT_EQ(0, chan_close(fd));
	add_recv(s, other);
	add_send(s, fd, 1);
	check_blame(-EPIPE, 1, s);
	EXPECT_EQ(-EPIPE, run_select_flags(s, 0, GOCHAN_NO_DEADLINE));
	EXPECT_EQ(1, s->args.index);
	EXPECT_EQ(-EPIPE, run_select_flags(s, 0, 0));
	EXPECT_EQ(1, s->args.index);
	check_info(fd, 0, 1, 0, 0);
	check_info(other, 0, 0, 0, 0);
}

/* It fails only if it is drawn. */
TEST(send_to_a_closed_channel_is_one_of_those_that_are_ready)
{
	unsigned int n = scaled(2000, 500), i, failed = 0;
	struct selection *s = selection_new();
	int closed = new_chan(0, 8, 0), end = new_chan(0, 8, 0);

	ASSERT_EQ(0, chan_close(closed));
	ASSERT_EQ(0, chan_close(end));
	add_send(s, closed, 1);
	add_recv(s, end);
	for (i = 0; i < n; i++) {
		int ret = try_select(s);

		ASSERT_TRUE(ret == 1 || ret == -EPIPE);
		failed += ret == -EPIPE;
	}
	EXPECT_TRUE(is_fair(failed, n, 2));
}

/* One of several. */

#define TRIALS		10000

TEST(ready_cases_have_equal_chances)
{
	unsigned int n = scaled(TRIALS, 1000), i, c;
	struct selection *s = selection_new();
	__u64 chosen[7] = { 0 };
	int fds[7];

	for (c = 0; c < 7; c++) {
		fds[c] = new_chan(0, 8, 1);
		if (c % 2)
			add_send(s, fds[c], c);
		else
			add_recv(s, fds[c]);
		if (c % 2 == 0)
			ASSERT_EQ(0, try_send_u64(fds[c], c));
	}
	for (i = 0; i < n; i++) {
		int ret = run_select(s);

		ASSERT_LE(0, ret);
		chosen[ret]++;
		/* Ready again, and whatever was not chosen still is. */
		ASSERT_EQ(ret % 2, ret % 2 ? drain(fds[ret], 2) :
				   try_send_u64(fds[ret], ret));
	}
	for (c = 0; c < 7; c++)
		EXPECT_TRUE(is_fair(chosen[c], n, 7));
}

TEST(cases_that_are_not_ready_take_no_part_in_the_draw)
{
	unsigned int n = scaled(TRIALS, 1000), i, c;
	struct selection *s = selection_new();
	__u64 chosen[8] = { 0 };
	int end, empty;

	end = new_chan(0, 8, 0);
	empty = new_chan(0, 8, 1);
	ASSERT_EQ(0, chan_close(end));
	for (c = 0; c < 8; c++)
		add_recv_msg(s, c == 2 || c == 7 ? end : c == 4 ? -1 : empty,
			     NULL, 0);
	for (i = 0; i < n; i++) {
		int ret = run_select(s);

		ASSERT_LE(0, ret);
		chosen[ret]++;
		s->cases[ret].len = 0;
	}
	EXPECT_EQ(n, chosen[2] + chosen[7]);
	EXPECT_TRUE(is_fair(chosen[2], n, 2));
}

TEST(each_case_of_a_channel_is_a_ticket)
{
	unsigned int n = scaled(TRIALS, 1000), i, c;
	struct selection *s = selection_new();
	__u64 chosen[4] = { 0 };
	int a, b, copy;

	a = new_chan(0, 8, 0);
	b = new_chan(0, 8, 0);
	copy = dup(a);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, chan_close(a));
	ASSERT_EQ(0, chan_close(b));
	add_recv(s, a);
	add_recv(s, b);
	add_recv(s, copy);
	add_recv(s, a);
	for (i = 0; i < n; i++) {
		int ret = run_select(s);

		ASSERT_LE(0, ret);
		chosen[ret]++;
	}
	for (c = 0; c < 4; c++)
		EXPECT_TRUE(is_fair(chosen[c], n, 4));
}

TEST(several_receives_on_one_channel_take_one_message)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 3), ret, i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, try_send_u64(fd, i));
	for (i = 0; i < 3; i++) {
		selection_reset(s);
		add_recv(s, fd);
		add_recv(s, fd);
		ret = try_select(s);
		ASSERT_TRUE(ret == 0 || ret == 1);
		EXPECT_EQ(i, (int)s->values[ret]);
		EXPECT_EQ(POISON_U64, s->values[!ret]);
		check_info(fd, 2 - i, 0, 0, 0);
	}
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
}

TEST(first_takes_the_first_that_is_ready)
{
	struct selection *s = selection_new();
	int fds[4], i, round;

	for (i = 0; i < 4; i++)
		fds[i] = new_chan(0, 8, 20);
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, try_send_u64(fds[1], round));
		ASSERT_EQ(0, try_send_u64(fds[3], round));
	}
	add_recv(s, fds[0]);
	add_recv(s, fds[1]);
	add_send(s, fds[2], 0);
	add_recv(s, fds[3]);
	for (round = 0; round < 20; round++) {
		EXPECT_EQ(1, run_select_flags(s, GOCHAN_SELECT_FIRST, 0));
		EXPECT_EQ(round, (int)s->values[1]);
	}
	for (round = 0; round < 20; round++)
		EXPECT_EQ(2, run_select_flags(s, GOCHAN_SELECT_FIRST, 0));
	for (round = 0; round < 20; round++)
		EXPECT_EQ(3, run_select_flags(s, GOCHAN_SELECT_FIRST, 0));
	EXPECT_EQ(-ETIMEDOUT, run_select_flags(s, GOCHAN_SELECT_FIRST, 0));
	EXPECT_EQ(-EAGAIN, run_select_flags(s, GOCHAN_SELECT_FIRST |
					    GOCHAN_SELECT_NONBLOCK, 0));
}

/* A select and itself. */

TEST(unbuffered_select_never_serves_itself)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 0);

	add_send(s, fd, 1);
	add_recv(s, fd);
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
	EXPECT_EQ(-ETIMEDOUT, run_select_flags(s, 0, in_ms(20)));
	EXPECT_EQ(GOCHAN_NO_CASE, s->args.index);
	EXPECT_EQ(POISON_U64, s->values[1]);
	check_info(fd, 0, 0, 0, 0);
}

TEST(buffered_select_may_receive_what_it_has_sent)
{
	struct selection *s = selection_new();
	int fd = new_chan(0, 8, 2), i;

	add_send(s, fd, 0);
	add_recv(s, fd);
	for (i = 0; i < 10; i++) {
		s->values[0] = 2 * i;
		EXPECT_EQ(0, run_select(s));
		EXPECT_EQ(0, try_send_u64(fd, 2 * i + 1));
		EXPECT_EQ(1, run_select(s));
		EXPECT_EQ(2 * i, (int)s->values[1]);
		check_next(fd, 2 * i + 1);
	}
}

/* The most cases there may be. */

TEST(each_of_64_channels_can_be_the_one)
{
	struct selection *s = selection_new();
	int fds[GOCHAN_SELECT_MAX], i;

	for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++) {
		fds[i] = new_chan(0, 8, 1);
		add_recv(s, fds[i]);
	}
	for (i = 0; i < (int)GOCHAN_SELECT_MAX; i++) {
		ASSERT_EQ(0, try_send_u64(fds[i], 100 + i));
		EXPECT_EQ(i, run_select(s));
		EXPECT_EQ(100 + i, (int)s->values[i]);
	}
	check_blame(-EAGAIN, GOCHAN_NO_CASE, s);
}

TEST(large_elements_move_whole)
{
	const size_t size = GOCHAN_MAX_ELEM_SIZE;
	unsigned char *in = shared_alloc(size), *out = shared_alloc(4 * size);
	struct selection *s = selection_new();
	int fds[4], i;

	for (i = 0; i < 4; i++) {
		fds[i] = new_chan(0, size, 1);
		add_recv_msg(s, fds[i], out + i * size, size);
	}
	for (i = 0; i < 4; i++) {
		unsigned char *got = out + i * size;

		add_send_msg(s, fds[i], in, size);
		memset(in, i, size);
		in[size - 1] = 100 + i;
		poison(out, 4 * size);
		EXPECT_EQ(4, try_select(s));
		EXPECT_EQ(i, try_select(s));
		EXPECT_EQ(0, memcmp(in, got, size));
		EXPECT_TRUE(is_poison(out, got - out));
		EXPECT_TRUE(is_poison(got + size, (3 - i) * size));
		s->args.nr--;
	}
}

TEST_HARNESS_MAIN
