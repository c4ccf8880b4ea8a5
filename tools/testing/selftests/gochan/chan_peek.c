// SPDX-License-Identifier: GPL-2.0
/*
 * What is buffered: looking at it without taking it, and throwing it away.
 */

#include "gochan_test.h"

/* Larger than a round of the kernel's, and no multiple of one. */
#define MANY		1000

/* Throwing away. */

TEST(drain_discards_what_is_buffered)
{
	static __u64 in[MANY];
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, MANY);
	for (i = 0; i < MANY; i++)
		in[i] = i;
	EXPECT_EQ(-EAGAIN, drain(fd, UINT_MAX));
	EXPECT_EQ(MANY, send_many(fd, in, MANY, 0));
	EXPECT_EQ(600, drain(fd, 600));
	check_next(fd, 600);
	EXPECT_EQ(399, drain(fd, UINT_MAX));
	check_drained(fd);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(0, drain(fd, 1));
}

TEST(drain_lets_sleeping_senders_in)
{
	struct peer *a, *b;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	a = peer_start(peer_send, fd, 2);
	await_waiters(fd, 1, 0);
	b = peer_start(peer_send, fd, 3);
	await_waiters(fd, 2, 0);
	EXPECT_EQ(2, drain(fd, 2));
	EXPECT_EQ(0, peer_join(a));
	EXPECT_EQ(0, peer_join(b));
	check_next(fd, 3);
}

/* Looking. */

TEST(peek_leaves_the_message)
{
	__u64 value = POISON_U64;
	__u32 len = sizeof(value);
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(-EAGAIN, chan_peek(fd, &value, &len));
	EXPECT_EQ(POISON_U64, value);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(1, chan_peek(fd, &value, &len));
	EXPECT_EQ(1, value);
	EXPECT_EQ(1, chan_peek(fd, &value, &len));
	EXPECT_EQ(1, value);
	check_info(fd, 2, 0, 0, 0);
	check_next(fd, 1);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(1, chan_peek(fd, &value, &len));
	EXPECT_EQ(2, value);
	check_next(fd, 2);
	EXPECT_EQ(0, chan_peek(fd, &value, &len));
	EXPECT_EQ(0, value);
	EXPECT_EQ(8, len);
}

TEST(peek_tells_the_length)
{
	static char big[4096], out[4096];
	__u32 len = 0;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(big), 2);
	memset(big, 'x', sizeof(big));
	EXPECT_EQ(0, chan_try_send(fd, big, 3000));
	EXPECT_EQ(1, chan_peek(fd, NULL, &len));
	EXPECT_EQ(3000, len);
	len = sizeof(out);
	poison(out, sizeof(out));
	EXPECT_EQ(1, chan_peek(fd, out, &len));
	EXPECT_EQ(3000, len);
	EXPECT_TRUE(is_filled(out, 'x', 3000));
	EXPECT_TRUE(is_poison(out + 3000, sizeof(out) - 3000));
	check_info(fd, 1, 0, 0, 0);
}

TEST(peek_does_not_wait_for_a_sleeping_sender)
{
	struct peer *peer;
	__u64 value = 0;
	__u32 len = sizeof(value);
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_send, fd, 5);
	await_waiters(fd, 1, 0);
	EXPECT_EQ(-EAGAIN, chan_peek(fd, &value, &len));
	check_next(fd, 5);
	EXPECT_EQ(0, peer_join(peer));
}

TEST(peek_is_not_for_sending)
{
	__u64 value = 0;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EINVAL, send_msg(fd, &value, 8, GOCHAN_MSG_PEEK,
				    GOCHAN_NO_DEADLINE));
	check_info(fd, 0, 0, 0, 0);
}

TEST_HARNESS_MAIN
