// SPDX-License-Identifier: GPL-2.0
/*
 * read() and write() on a channel: one message per call.
 */

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "gochan_test.h"

TEST(write_read_moves_one_message_per_call)
{
	__u64 value, i;
	int fd;

	fd = new_chan(0, 8, 3);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(8, fd_write(fd, &i, sizeof(i)));
	check_info(fd, 3, 0, 0, 0);
	for (i = 0; i < 3; i++) {
		value = POISON_U64;
		EXPECT_EQ(8, fd_read(fd, &value, sizeof(value)));
		EXPECT_EQ(i, value);
		check_info(fd, 2 - i, 0, 0, 0);
	}
}

TEST(write_mixes_with_ioctl)
{
	__u64 value = 21;
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(8, fd_write(fd, &value, sizeof(value)));
	EXPECT_EQ(0, send_u64(fd, 22));
	check_next(fd, 21);
	EXPECT_EQ(8, fd_read(fd, &value, sizeof(value)));
	EXPECT_EQ(22, value);
}

TEST(read_with_larger_count_returns_one_message)
{
	unsigned char buf[100];
	int fd;

	fd = new_chan(0, 8, 4);
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(0, send_u64(fd, 2));
	poison(buf, sizeof(buf));
	EXPECT_EQ(8, fd_read(fd, buf, sizeof(buf)));
	EXPECT_TRUE(is_poison(buf + 8, sizeof(buf) - 8));
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 2);
}

TEST(read_with_smaller_count_leaves_the_message)
{
	unsigned char buf[8];
	size_t count;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, send_u64(fd, 1));
	poison(buf, sizeof(buf));
	for (count = 1; count < 8; count++)
		EXPECT_EQ(-EMSGSIZE, fd_read(fd, buf, count));
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 1);
}

TEST(read_with_smaller_count_fails_although_the_channel_is_empty)
{
	unsigned char buf[8];
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EMSGSIZE, fd_read(fd, buf, 7));
	check_info(fd, 0, 0, 0, 0);
}

TEST(read_with_zero_count_takes_no_message)
{
	char buf[1];
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(-EMSGSIZE, fd_read(fd, buf, 0));
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 1);
}

TEST(write_of_wrong_length_fails)
{
	char buf[16] = { 0 };
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EMSGSIZE, fd_write(fd, buf, 9));
	EXPECT_EQ(-EMSGSIZE, fd_write(fd, buf, 16));
	EXPECT_EQ(-EINVAL, fd_write(fd, buf, 7));
	EXPECT_EQ(-EINVAL, fd_write(fd, buf, 1));
	check_info(fd, 0, 0, 0, 0);
}

TEST(write_of_a_length_beyond_32_bits_fails)
{
	/* Cut down to 32 bits it would be the right length. */
	const __u64 count = (1ULL << 32) + 8;
	char buf[16] = { 0 };
	int fd;

	if (sizeof(size_t) == 4)
		SKIP(return, "size_t has 32 bits");
	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-1, syscall(SYS_write, fd, buf, (size_t)count));
	check_info(fd, 0, 0, 0, 0);
}

TEST(varlen_read_returns_the_length)
{
	unsigned char in[50], out[64];
	int fd, len;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(in), 2);
	memset(in, 7, sizeof(in));
	for (len = 1; len <= (int)sizeof(in); len++) {
		poison(out, sizeof(out));
		EXPECT_EQ(len, fd_write(fd, in, len));
		EXPECT_EQ(len, fd_read(fd, out, sizeof(out)));
		EXPECT_EQ(0, memcmp(in, out, len));
		EXPECT_TRUE(is_poison(out + len, sizeof(out) - len));
	}
	EXPECT_EQ(-EMSGSIZE, fd_write(fd, out, sizeof(in) + 1));
}

TEST(varlen_read_needs_room_for_a_whole_element)
{
	char buf[16];
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(buf), 1);
	EXPECT_EQ(3, fd_write(fd, "abc", 3));
	poison(buf, sizeof(buf));
	EXPECT_EQ(-EMSGSIZE, fd_read(fd, buf, 15));
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(3, fd_read(fd, buf, 16));
}

TEST(varlen_write_of_nothing_is_a_message)
{
	__u32 len = 16;
	char buf[16];
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(buf), 1);
	EXPECT_EQ(0, fd_write(fd, "", 0));
	check_info(fd, 1, 0, 0, 0);
	/* Only the ioctl can tell it from the end. */
	EXPECT_EQ(1, chan_try_recv(fd, buf, &len));
	EXPECT_EQ(0, len);
}

TEST(read_on_closed_drains_and_then_returns_zero)
{
	__u64 value;
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(0, send_u64(fd, 2));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(8, fd_read(fd, &value, 8));
	EXPECT_EQ(1, value);
	EXPECT_EQ(8, fd_read(fd, &value, 8));
	EXPECT_EQ(2, value);
	EXPECT_EQ(0, fd_read(fd, &value, 8));
	EXPECT_EQ(0, fd_read(fd, &value, 8));
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	EXPECT_EQ(0, fd_read(fd, &value, 8));
}

TEST(read_asleep_when_closed_returns_zero)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_read, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(0, peer_join(peer));
}

TEST(write_on_closed_fails_without_signal)
{
	__u64 value = 1;
	int fd;

	/* The default action of SIGPIPE would end the test. */
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_DFL));
	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(-EPIPE, fd_write(fd, &value, 8));
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	EXPECT_EQ(-EPIPE, fd_write(fd, &value, 8));
}

TEST(write_asleep_when_closed_fails_without_signal)
{
	struct peer *peer;
	int fd;

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_DFL));
	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_write, fd, 5);
	await_waiters(fd, 1, 0);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(-EPIPE, peer_join(peer));
}

TEST(o_nonblock_read_write_fail_instead_of_sleeping)
{
	static const __u32 capacities[] = { 0, 2 };
	__u64 value = 3;
	unsigned int i, n;
	int fd;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		fd = new_chan(0, 8, capacities[i]);
		ASSERT_EQ(0, fd_set_nonblock(fd, true));
		value = POISON_U64;
		EXPECT_EQ(-EAGAIN, fd_read(fd, &value, 8));
		EXPECT_EQ(POISON_U64, value);
		for (n = 0; n < capacities[i]; n++)
			EXPECT_EQ(8, fd_write(fd, &value, 8));
		EXPECT_EQ(-EAGAIN, fd_write(fd, &value, 8));
		check_info(fd, capacities[i], 0, 0, 0);
		close(fd);
	}
}

TEST(read_asleep_gets_the_message)
{
	static const __u32 capacities[] = { 0, 1 };
	struct peer *peer;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		fd = new_chan(0, 8, capacities[i]);
		peer = peer_start(peer_read, fd, 0);
		await_waiters(fd, 0, 1);
		EXPECT_EQ(0, send_u64(fd, 31));
		EXPECT_EQ(8, peer_join(peer));
		EXPECT_EQ(31, peer->value);
		close(fd);
	}
}

TEST(write_asleep_goes_on_when_read)
{
	struct peer *peer;
	__u64 value;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_write, fd, 32);
	await_waiters(fd, 1, 0);
	EXPECT_EQ(8, fd_read(fd, &value, 8));
	EXPECT_EQ(32, value);
	EXPECT_EQ(8, peer_join(peer));
}

TEST(positions_do_not_exist)
{
	char buf[8] = { 0 };
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(fd, buf, 8, 0));
	EXPECT_EQ(ESPIPE, errno);
	check_info(fd, 0, 0, 0, 0);
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(-1, pread(fd, buf, 8, 0));
	EXPECT_EQ(ESPIPE, errno);
	check_info(fd, 1, 0, 0, 0);
}

/* Pieces of 0, 3, 0 and 5 bytes. */
static void in_pieces(struct iovec iov[4], void *buf)
{
	static const size_t ends[] = { 0, 3, 3, 8 };
	unsigned int i;
	size_t begin = 0;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		iov[i].iov_base = (char *)buf + begin;
		iov[i].iov_len = ends[i] - begin;
		begin = ends[i];
	}
}

TEST(readv_writev_move_one_message_in_pieces)
{
	__u64 in = 0x0123456789abcdefULL, out = 0;
	struct iovec iov[4];
	int fd;

	fd = new_chan(0, 8, 2);
	in_pieces(iov, &in);
	EXPECT_EQ(8, writev(fd, iov, 4));
	check_info(fd, 1, 0, 0, 0);
	in_pieces(iov, &out);
	/* One message is enough: there is no other to wait for. */
	EXPECT_EQ(8, readv(fd, iov, 4));
	EXPECT_EQ(in, out);
	check_info(fd, 0, 0, 0, 0);
}

TEST(readv_with_room_for_more_returns_one_message)
{
	__u64 out[3] = { POISON_U64, POISON_U64, POISON_U64 };
	struct iovec iov[] = {
		{ &out[0], 8 }, { &out[1], 8 }, { &out[2], 8 },
	};
	int fd;

	fd = new_chan(0, 8, 3);
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(0, send_u64(fd, 2));
	EXPECT_EQ(8, readv(fd, iov, 3));
	EXPECT_EQ(1, out[0]);
	EXPECT_TRUE(is_poison(&out[1], 16));
	check_next(fd, 2);
}

TEST(readv_writev_of_wrong_lengths_fail)
{
	__u64 two[2] = { 1, 2 };
	struct iovec iov[] = { { &two[0], 8 }, { &two[1], 8 } };
	int fd;

	fd = new_chan(0, 8, 4);
	EXPECT_EQ(-1, writev(fd, iov, 2));
	EXPECT_EQ(EMSGSIZE, errno);
	iov[0].iov_len = 4;
	EXPECT_EQ(-1, writev(fd, iov, 1));
	EXPECT_EQ(EINVAL, errno);
	check_info(fd, 0, 0, 0, 0);
	EXPECT_EQ(0, send_u64(fd, 3));
	iov[1].iov_len = 3;
	EXPECT_EQ(-1, readv(fd, iov, 2));
	EXPECT_EQ(EMSGSIZE, errno);
	check_next(fd, 3);
}

TEST(varlen_writev_gathers_one_message)
{
	static char first[300], second[700], out[2000];
	struct iovec iov[] = {
		{ first, 0 }, { first, sizeof(first) },
		{ second, sizeof(second) },
	};
	__u32 len = sizeof(out);
	int fd;

	memset(first, 1, sizeof(first));
	memset(second, 2, sizeof(second));
	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(out), 4);
	EXPECT_EQ(1000, writev(fd, iov, 3));
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(1, chan_recv(fd, out, &len));
	EXPECT_EQ(1000, len);
	EXPECT_TRUE(is_filled(out, 1, 300));
	EXPECT_TRUE(is_filled(out + 300, 2, 700));
}

TEST(readv_into_bad_memory_leaves_the_message)
{
	__u64 good = 0;
	struct iovec iov[] = { { &good, 4 }, { NULL, 4 } };
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, send_u64(fd, 5));
	EXPECT_EQ(-1, readv(fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 5);
	EXPECT_EQ(-1, writev(fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	check_drained(fd);
}

TEST(readv_writev_with_nowait_fail_instead_of_sleeping)
{
	static const __u32 capacities[] = { 0, 2 };
	__u64 value = 3;
	struct iovec iov = { &value, 8 };
	unsigned int i, n;
	int fd;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		fd = new_chan(0, 8, capacities[i]);
		EXPECT_EQ(-1, preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
		EXPECT_EQ(EAGAIN, errno);
		for (n = 0; n < capacities[i]; n++)
			EXPECT_EQ(8, pwritev2(fd, &iov, 1, -1, RWF_NOWAIT));
		EXPECT_EQ(-1, pwritev2(fd, &iov, 1, -1, RWF_NOWAIT));
		EXPECT_EQ(EAGAIN, errno);
		check_info(fd, capacities[i], 0, 0, 0);
		for (n = 0; n < capacities[i]; n++)
			EXPECT_EQ(8, preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
		check_drained(fd);
		close(fd);
	}
}

static int peer_readv(struct peer *peer)
{
	char *value = (char *)&peer->value;
	struct iovec iov[] = { { value, 4 }, { value + 4, 4 } };
	ssize_t ret = readv(peer->fd, iov, 2);

	return ret < 0 ? -errno : ret;
}

TEST(readv_asleep_gets_the_message_or_the_end)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_readv, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, send_u64(fd, 31));
	EXPECT_EQ(8, peer_join(peer));
	EXPECT_EQ(31, peer->value);
	peer = peer_start(peer_readv, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(0, peer_join(peer));
}

struct reader {
	pthread_t thread;
	int fd;
	int ret;
	__u64 value;
};

static void *read_one(void *arg)
{
	struct reader *r = arg;

	r->ret = fd_read(r->fd, &r->value, sizeof(r->value));
	return NULL;
}

/* Nothing serialises the calls on one open file, as f_pos_lock would. */
TEST(two_threads_sleep_in_read_on_one_fd)
{
	struct reader readers[2];
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 0);
	for (i = 0; i < 2; i++) {
		readers[i].fd = fd;
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL, read_one,
					    &readers[i]));
	}
	await_waiters(fd, 0, 2);
	EXPECT_EQ(0, send_u64(fd, 10));
	EXPECT_EQ(0, send_u64(fd, 20));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(readers[i].thread, NULL));
		EXPECT_EQ(8, readers[i].ret);
	}
	EXPECT_EQ(30, readers[0].value + readers[1].value);
	EXPECT_NE(readers[0].value, readers[1].value);
}

TEST(write_meets_read_on_the_same_fd)
{
	struct reader reader;
	__u64 value = 44;
	int fd;

	fd = new_chan(0, 8, 0);
	reader.fd = fd;
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_one, &reader));
	await_waiters(fd, 0, 1);
	EXPECT_EQ(8, fd_write(fd, &value, 8));
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(44, reader.value);
}

TEST_HARNESS_MAIN
