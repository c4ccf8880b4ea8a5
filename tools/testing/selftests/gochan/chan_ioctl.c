// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of /dev/gochan and of channels: every success, every error.
 */

#include "gochan_test.h"

/* Larger than every structure, smaller than the largest accepted size. */
#define BIG_STRUCT	256

/* Room around a message, to see what the kernel wrote besides it. */
#define GUARD		64

static int create_sized(void *args, __u32 size)
{
	memcpy(args, &size, sizeof(size));
	return chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE, args);
}

static void fill_pattern(unsigned char *buf, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = seed + i * 7 + (i >> 8);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* Creating. */

TEST(create_returns_rdwr_cloexec_fd)
{
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, close(fd));
}

TEST(create_gives_each_channel_its_own_inode)
{
	int a, b, c;

	a = new_chan(0, 8, 1);
	b = new_chan(0, 8, 1);
	c = dup(a);
	ASSERT_LE(0, c);
	EXPECT_NE(0, inode_of(a));
	EXPECT_NE(inode_of(a), inode_of(b));
	EXPECT_EQ(inode_of(a), inode_of(c));
}

TEST(create_makes_fd_readable_in_proc)
{
	char path[64], link[PATH_MAX], want[64];
	ssize_t len;
	int fd;

	fd = new_chan(0, 8, 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, link, sizeof(link) - 1);
	ASSERT_LT(0, len);
	link[len] = '\0';
	snprintf(want, sizeof(want), "gochan:[%llu]",
		 (unsigned long long)inode_of(fd));
	EXPECT_STREQ(want, link);
}

TEST(create_with_various_element_sizes_moves_whole_elements)
{
	static const __u32 sizes[] = { 0, 1, 8, 24, 4096, 65535, 65536 };
	static unsigned char in[GOCHAN_MAX_ELEM_SIZE];
	static unsigned char out[GOCHAN_MAX_ELEM_SIZE + GUARD];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		__u32 size = sizes[i], len = size;
		int fd;

		fd = new_chan(0, size, 2);
		fill_pattern(in, size, i);
		poison(out, sizeof(out));
		EXPECT_EQ(0, chan_try_send(fd, in, size));
		EXPECT_EQ(1, chan_try_recv(fd, out, &len));
		EXPECT_EQ(size, len);
		EXPECT_EQ(0, memcmp(in, out, size));
		EXPECT_TRUE(is_poison(out + size, GUARD));
		check_info(fd, 0, 0, 0, 0);
		close(fd);
	}
}

TEST(create_with_oversized_element_fails)
{
	EXPECT_EQ(-EINVAL, chan_create(0, GOCHAN_MAX_ELEM_SIZE + 1, 0));
	EXPECT_EQ(-EINVAL, chan_create(0, GOCHAN_MAX_ELEM_SIZE + 1, 1));
	EXPECT_EQ(-EINVAL, chan_create(0, UINT_MAX, 1));
	EXPECT_EQ(-EINVAL, chan_create(GOCHAN_CHAN_VARLEN,
				       GOCHAN_MAX_ELEM_SIZE + 1, 1));
}

TEST(create_with_capacity_buffers_that_many)
{
	static const __u32 capacities[] = { 0, 1, 2, 3, 64, 1000 };
	unsigned int i;
	__u32 n;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		int fd;

		fd = new_chan(0, 8, capacities[i]);
		for (n = 0; n < capacities[i]; n++)
			EXPECT_EQ(0, try_send_u64(fd, n));
		EXPECT_EQ(-EAGAIN, try_send_u64(fd, n));
		check_info(fd, capacities[i], 0, 0, 0);
		for (n = 0; n < capacities[i]; n++)
			check_next(fd, n);
		check_drained(fd);
		close(fd);
	}
}

TEST(create_with_zero_size_elements_counts_them)
{
	__u32 len = 0;
	int fd;

	fd = new_chan(0, 0, 2);
	EXPECT_EQ(0, chan_try_send(fd, NULL, 0));
	EXPECT_EQ(0, chan_try_send(fd, NULL, 0));
	EXPECT_EQ(-EAGAIN, chan_try_send(fd, NULL, 0));
	check_info(fd, 2, 0, 0, 0);
	EXPECT_EQ(1, chan_try_recv(fd, NULL, &len));
	EXPECT_EQ(1, chan_try_recv(fd, NULL, &len));
	EXPECT_EQ(-EAGAIN, chan_try_recv(fd, NULL, &len));
	EXPECT_EQ(0, len);
}

TEST(create_with_too_large_ring_fails)
{
	EXPECT_EQ(-EINVAL, chan_create(0, 8, GOCHAN_MAX_RING_SIZE / 8 + 1));
	EXPECT_EQ(-EINVAL, chan_create(0, 1, GOCHAN_MAX_RING_SIZE + 1));
	/* These products do not fit into 32 bits. */
	EXPECT_EQ(-EINVAL, chan_create(0, 65536, 65536));
	EXPECT_EQ(-EINVAL, chan_create(0, 65536, UINT_MAX));
	EXPECT_EQ(-EINVAL, chan_create(0, 4, 0x40000001));
	/* The lengths of messages take room even where the bytes do not. */
	EXPECT_EQ(-EINVAL, chan_create(GOCHAN_CHAN_VARLEN, 0, UINT_MAX));
	EXPECT_EQ(-EINVAL, chan_create(GOCHAN_CHAN_VARLEN, 1,
				       GOCHAN_MAX_RING_SIZE));
}

TEST(create_without_ring_takes_capacities_up_to_int_max)
{
	int fd;

	fd = new_chan(0, 0, INT_MAX);
	EXPECT_EQ(0, chan_try_send(fd, NULL, 0));
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(-EINVAL, chan_create(0, 0, INT_MAX + 1U));
	EXPECT_EQ(-EINVAL, chan_create(0, 0, UINT_MAX));
}

TEST(create_with_zero_struct_size_fails)
{
	struct gochan_chan_create args = { .elem_size = 8, .capacity = 1 };

	EXPECT_EQ(-EINVAL, create_sized(&args, 0));
}

TEST(create_with_too_small_struct_size_fails)
{
	struct gochan_chan_create args = { .elem_size = 8, .capacity = 1 };
	__u32 size;

	for (size = 1; size < sizeof(args); size++)
		EXPECT_EQ(-EINVAL, create_sized(&args, size));
}

TEST(create_with_larger_zero_tailed_struct_succeeds)
{
	union {
		struct gochan_chan_create args;
		char bytes[4096];
	} u = { .args = { .elem_size = 8, .capacity = 1 } };
	int fd;

	fd = create_sized(&u, sizeof(u.args) + 8);
	EXPECT_LE(0, fd);
	fd = create_sized(&u, sizeof(u.args) + 1);
	EXPECT_LE(0, fd);
	fd = create_sized(&u, sizeof(u.bytes));
	EXPECT_LE(0, fd);
	check_info(fd, 0, 0, 0, 0);
}

TEST(create_with_nonzero_tailed_struct_fails)
{
	union {
		struct gochan_chan_create args;
		char bytes[BIG_STRUCT];
	} u = { .args = { .elem_size = 8, .capacity = 1 } };

	u.bytes[BIG_STRUCT - 1] = 1;
	EXPECT_EQ(-E2BIG, create_sized(&u, BIG_STRUCT));
	u.bytes[BIG_STRUCT - 1] = 0;
	u.bytes[sizeof(u.args)] = 1;
	EXPECT_EQ(-E2BIG, create_sized(&u, BIG_STRUCT));
	EXPECT_EQ(-E2BIG, create_sized(&u, sizeof(u.args) + 1));
	/* What lies beyond the size is not the kernel's to judge. */
	EXPECT_LE(0, create_sized(&u, sizeof(u.args)));
}

TEST(create_with_struct_above_a_page_fails)
{
	static union {
		struct gochan_chan_create args;
		char bytes[8192];
	} u = { .args = { .elem_size = 8, .capacity = 1 } };

	EXPECT_EQ(-E2BIG, create_sized(&u, 4097));
	EXPECT_EQ(-E2BIG, create_sized(&u, sizeof(u.bytes)));
	EXPECT_EQ(-E2BIG, create_sized(&u, UINT_MAX));
}

TEST(create_with_unknown_flags_fails)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if ((1U << bit) & (GOCHAN_CHAN_VARLEN | GOCHAN_CHAN_AUTOCLOSE))
			continue;
		EXPECT_EQ(-EINVAL, chan_create(1U << bit, 8, 1));
	}
}

TEST(create_with_bad_pointer_fails)
{
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE,
				      NULL));
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE,
				      (void *)(uintptr_t)16));
}

TEST(create_beyond_the_fd_limit_fails)
{
	struct rlimit old, none;
	int before, after;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	before = dup(gochan_dev);
	ASSERT_LE(0, before);
	none = old;
	none.rlim_cur = before + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, chan_create(0, 8, 1));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	after = chan_create(0, 8, 1);
	EXPECT_LE(0, after);
}

/* Commands. */

TEST(unknown_command_on_device_fails)
{
	char arg[BIG_STRUCT] = { 0 };

	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev,
				      _IO(GOCHAN_IOC_MAGIC, 0xff), arg));
	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev, _IO('x', 0), arg));
	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev,
				      _IOW(GOCHAN_IOC_MAGIC, 0x00, int), arg));
}

TEST(unknown_command_on_channel_fails)
{
	char arg[BIG_STRUCT] = { 0 };
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-ENOTTY, chan_ioctl(fd, _IO(GOCHAN_IOC_MAGIC, 0xff), arg));
	EXPECT_EQ(-ENOTTY, chan_ioctl(fd, _IO('x', 0x10), arg));
	EXPECT_EQ(-ENOTTY, chan_ioctl(fd, _IOWR(GOCHAN_IOC_MAGIC, 0x13,
						struct gochan_info), arg));
}

TEST(channel_commands_on_device_fail)
{
	struct gochan_info info = { .size = sizeof(info) };
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.flags = GOCHAN_MSG_NONBLOCK,
		.deadline = GOCHAN_NO_DEADLINE,
	};

	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev, GOCHAN_IOC_SEND, &msg));
	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev, GOCHAN_IOC_RECV, &msg));
	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev, GOCHAN_IOC_CLOSE, NULL));
	EXPECT_EQ(-ENOTTY, chan_ioctl(gochan_dev, GOCHAN_IOC_INFO, &info));
}

TEST(device_command_on_channel_fails)
{
	struct gochan_chan_create args = { .size = sizeof(args) };
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-ENOTTY, chan_ioctl(fd, GOCHAN_IOC_CHAN_CREATE, &args));
}

/* Argument checks of the structures on channels. */

static int msg_sized(int fd, unsigned long cmd, void *msg, __u32 size)
{
	memcpy(msg, &size, sizeof(size));
	return chan_ioctl(fd, cmd, msg);
}

FIXTURE(msg_args) {
	int fd;
	__u64 value;
	union {
		struct gochan_msg msg;
		char bytes[8192];
	} u;
};

FIXTURE_VARIANT(msg_args) {
	unsigned long cmd;
};

FIXTURE_VARIANT_ADD(msg_args, send) {
	.cmd = GOCHAN_IOC_SEND,
};

FIXTURE_VARIANT_ADD(msg_args, recv) {
	.cmd = GOCHAN_IOC_RECV,
};

FIXTURE_SETUP(msg_args)
{
	unsigned int i;

	self->fd = new_chan(0, 8, 8);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, try_send_u64(self->fd, i));
	self->u.msg.flags = GOCHAN_MSG_NONBLOCK;
	self->u.msg.buf = (uintptr_t)&self->value;
	self->u.msg.len = sizeof(self->value);
	self->u.msg.deadline = GOCHAN_NO_DEADLINE;
}

FIXTURE_TEARDOWN(msg_args)
{
	close(self->fd);
}

TEST_F(msg_args, zero_or_too_small_size_fails)
{
	__u32 size;

	for (size = 0; size < sizeof(self->u.msg); size++)
		EXPECT_EQ(-EINVAL, msg_sized(self->fd, variant->cmd, &self->u,
					     size));
	check_info(self->fd, 4, 0, 0, 0);
}

TEST_F(msg_args, larger_zero_tailed_size_succeeds)
{
	EXPECT_EQ(0, msg_sized(self->fd, variant->cmd, &self->u,
			       sizeof(self->u.msg) + 8));
	self->u.msg.len = sizeof(self->value);
	EXPECT_EQ(0, msg_sized(self->fd, variant->cmd, &self->u, 4096));
	EXPECT_EQ(4096, self->u.msg.size);
	EXPECT_TRUE(is_filled(self->u.bytes + sizeof(self->u.msg), 0,
			      sizeof(self->u.bytes) - sizeof(self->u.msg)));
	check_info(self->fd, variant->cmd == GOCHAN_IOC_SEND ? 6 : 2, 0, 0, 0);
}

TEST_F(msg_args, nonzero_tailed_size_fails)
{
	self->u.bytes[sizeof(self->u.msg)] = 1;
	EXPECT_EQ(-E2BIG, msg_sized(self->fd, variant->cmd, &self->u,
				    sizeof(self->u.msg) + 8));
	self->u.bytes[sizeof(self->u.msg)] = 0;
	self->u.bytes[4095] = 1;
	EXPECT_EQ(-E2BIG, msg_sized(self->fd, variant->cmd, &self->u, 4096));
	check_info(self->fd, 4, 0, 0, 0);
}

TEST_F(msg_args, size_above_a_page_fails)
{
	EXPECT_EQ(-E2BIG, msg_sized(self->fd, variant->cmd, &self->u, 4097));
	EXPECT_EQ(-E2BIG, msg_sized(self->fd, variant->cmd, &self->u, 8192));
	EXPECT_EQ(-E2BIG, msg_sized(self->fd, variant->cmd, &self->u,
				    UINT_MAX));
	check_info(self->fd, 4, 0, 0, 0);
}

TEST_F(msg_args, unknown_flags_fail)
{
	const __u32 known = GOCHAN_MSG_NONBLOCK | GOCHAN_MSG_REALTIME;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if ((1U << bit) & known)
			continue;
		if (variant->cmd == GOCHAN_IOC_RECV &&
		    1U << bit == GOCHAN_MSG_PEEK)
			continue;
		self->u.msg.flags = GOCHAN_MSG_NONBLOCK | 1U << bit;
		EXPECT_EQ(-EINVAL, msg_sized(self->fd, variant->cmd, &self->u,
					     sizeof(self->u.msg)));
	}
	check_info(self->fd, 4, 0, 0, 0);
}

/* Also where addresses have 32 bits and the upper half could be cut off. */
TEST_F(msg_args, address_beyond_user_memory_fails)
{
	self->u.msg.buf |= 1ULL << 63;
	EXPECT_EQ(-EFAULT, msg_sized(self->fd, variant->cmd, &self->u,
				     sizeof(self->u.msg)));
	self->u.msg.buf ^= 1ULL << 63 | 1ULL << 62;
	EXPECT_EQ(-EFAULT, msg_sized(self->fd, variant->cmd, &self->u,
				     sizeof(self->u.msg)));
	check_info(self->fd, 4, 0, 0, 0);
}

TEST_F(msg_args, bad_struct_pointer_fails)
{
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, variant->cmd, NULL));
	check_info(self->fd, 4, 0, 0, 0);
}

/* Sending and receiving. */

TEST(send_recv_keeps_order_around_the_ring)
{
	__u64 next_out = 0, next_in = 0;
	unsigned int round, i;
	int fd;

	fd = new_chan(0, 8, 5);
	for (round = 0; round < 23; round++) {
		for (i = 0; i < 1 + round % 5; i++)
			EXPECT_EQ(0, try_send_u64(fd, next_in++));
		while (next_out < next_in) {
			check_next(fd, next_out);
			next_out++;
		}
	}
	check_drained(fd);
}

TEST(send_to_sleeping_receiver_hands_over)
{
	static const __u32 capacities[] = { 0, 3 };
	struct peer *peer;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		fd = new_chan(0, 8, capacities[i]);
		peer = peer_start(peer_recv, fd, 0);
		await_waiters(fd, 0, 1);
		EXPECT_EQ(0, try_send_u64(fd, 77));
		check_info(fd, 0, 0, 0, 0);
		EXPECT_EQ(1, peer_join(peer));
		EXPECT_EQ(77, peer->value);
		close(fd);
	}
}

TEST(recv_from_sleeping_sender_without_buffer_takes_its_message)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_send, fd, 78);
	await_waiters(fd, 1, 0);
	check_next(fd, 78);
	check_info(fd, 0, 0, 0, 0);
	EXPECT_EQ(0, peer_join(peer));
}

TEST(recv_from_full_buffer_lets_the_sleeping_sender_in)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	peer = peer_start(peer_send, fd, 3);
	await_waiters(fd, 1, 0);
	check_next(fd, 1);
	check_info(fd, 2, 0, 0, 0);
	EXPECT_EQ(0, peer_join(peer));
	check_next(fd, 2);
	check_next(fd, 3);
	check_drained(fd);
}

TEST(send_of_wrong_length_fails)
{
	char buf[16] = { 0 };
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(-EMSGSIZE, chan_try_send(fd, buf, 9));
	EXPECT_EQ(-EMSGSIZE, chan_try_send(fd, buf, UINT_MAX));
	EXPECT_EQ(-EINVAL, chan_try_send(fd, buf, 7));
	EXPECT_EQ(-EINVAL, chan_try_send(fd, buf, 1));
	EXPECT_EQ(-EINVAL, chan_try_send(fd, NULL, 0));
	check_info(fd, 0, 0, 0, 0);
}

TEST(send_of_wrong_length_fails_although_the_channel_is_full)
{
	__u64 deadline = in_ms(20000);
	char buf[16] = { 0 };
	int fd;

	fd = new_chan(0, 8, 0);
	EXPECT_EQ(-EMSGSIZE, send_msg(fd, buf, 9, 0, deadline));
	EXPECT_EQ(-EINVAL, send_msg(fd, buf, 7, 0, deadline));
	check_info(fd, 0, 0, 0, 0);
}

TEST(varlen_send_recv_keeps_each_length)
{
	unsigned char in[100], out[100 + GUARD];
	__u32 len, room;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(in), 3);
	for (len = 0; len <= sizeof(in); len++) {
		fill_pattern(in, len, len);
		poison(out, sizeof(out));
		EXPECT_EQ(0, chan_try_send(fd, in, len));
		room = sizeof(in);
		EXPECT_EQ(1, chan_try_recv(fd, out, &room));
		EXPECT_EQ(len, room);
		EXPECT_EQ(0, memcmp(in, out, len));
		EXPECT_TRUE(is_poison(out + len, sizeof(out) - len));
	}
	EXPECT_EQ(-EMSGSIZE, chan_try_send(fd, in, sizeof(in) + 1));
	check_info(fd, 0, 0, 0, 0);
}

TEST(varlen_send_without_bytes_is_a_message)
{
	char buf[8];
	__u32 len = sizeof(buf);
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(buf), 1);
	EXPECT_EQ(0, chan_try_send(fd, NULL, 0));
	check_info(fd, 1, 0, 0, 0);
	poison(buf, sizeof(buf));
	EXPECT_EQ(1, chan_try_recv(fd, buf, &len));
	EXPECT_EQ(0, len);
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
}

TEST(varlen_hand_over_keeps_the_length)
{
	unsigned char in[40];
	struct {
		int fd;
		__u32 len;
		unsigned char buf[64];
	} *shared;
	int status;
	pid_t pid;

	shared = shared_alloc(sizeof(*shared));
	shared->fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(shared->buf), 0);
	fill_pattern(in, sizeof(in), 3);
	poison(shared->buf, sizeof(shared->buf));
	shared->len = sizeof(shared->buf);
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(chan_recv(shared->fd, shared->buf, &shared->len));
	await_waiters(shared->fd, 0, 1);
	EXPECT_EQ(0, chan_send(shared->fd, in, sizeof(in)));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(1, WEXITSTATUS(status));
	EXPECT_EQ(sizeof(in), shared->len);
	EXPECT_EQ(0, memcmp(in, shared->buf, sizeof(in)));
	EXPECT_TRUE(is_poison(shared->buf + sizeof(in),
			      sizeof(shared->buf) - sizeof(in)));
}

TEST(recv_into_too_small_buffer_leaves_the_message)
{
	char buf[8];
	__u32 len;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 5));
	poison(buf, sizeof(buf));
	for (len = 0; len < 8; len++) {
		__u32 room = len;

		EXPECT_EQ(-EMSGSIZE, chan_try_recv(fd, buf, &room));
	}
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 5);
}

TEST(varlen_recv_needs_room_for_a_whole_element)
{
	__u32 len = 15;
	char buf[16];
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(buf), 1);
	EXPECT_EQ(0, chan_try_send(fd, "abc", 3));
	poison(buf, sizeof(buf));
	EXPECT_EQ(-EMSGSIZE, chan_try_recv(fd, buf, &len));
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
	check_info(fd, 1, 0, 0, 0);
	len = sizeof(buf);
	EXPECT_EQ(1, chan_try_recv(fd, buf, &len));
	EXPECT_EQ(3, len);
	EXPECT_EQ(0, memcmp(buf, "abc", 3));
}

TEST(recv_into_too_small_buffer_fails_although_the_channel_is_empty)
{
	__u64 deadline = in_ms(20000);
	__u32 len = 7;
	char buf[8];
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EMSGSIZE, recv_msg(fd, buf, &len, 0, deadline));
	check_info(fd, 0, 0, 0, 0);
}

TEST(recv_into_larger_buffer_writes_one_element)
{
	unsigned char buf[8 + GUARD];
	__u32 len = sizeof(buf);
	__u64 value = 0x1122334455667788ULL;
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(0, try_send_u64(fd, value));
	EXPECT_EQ(0, try_send_u64(fd, value + 1));
	poison(buf, sizeof(buf));
	EXPECT_EQ(1, chan_try_recv(fd, buf, &len));
	EXPECT_EQ(8, len);
	EXPECT_EQ(0, memcmp(buf, &value, sizeof(value)));
	EXPECT_TRUE(is_poison(buf + 8, GUARD));
	check_next(fd, value + 1);
}

TEST(recv_without_buffer_discards_one_message)
{
	__u32 len = 0;
	int fd;

	fd = new_chan(0, 8, 2);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, try_send_u64(fd, 2));
	EXPECT_EQ(1, chan_try_recv(fd, NULL, &len));
	EXPECT_EQ(8, len);
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 2);
}

TEST(varlen_recv_without_buffer_reports_the_length)
{
	__u32 len = 0;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 100, 1);
	EXPECT_EQ(0, chan_try_send(fd, "hello", 5));
	EXPECT_EQ(1, chan_try_recv(fd, NULL, &len));
	EXPECT_EQ(5, len);
	check_info(fd, 0, 0, 0, 0);
}

static int peer_discard(struct peer *peer)
{
	__u32 len = 0;
	int ret;

	ret = chan_recv(peer->fd, NULL, &len);
	peer->value = len;
	return ret;
}

TEST(sleeping_recv_without_buffer_discards_what_it_is_handed)
{
	struct peer *peer;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 100, 0);
	peer = peer_start(peer_discard, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, chan_send(fd, "hello", 5));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(5, peer->value);
}

/* Not blocking. */

TEST(nonblock_flag_fails_instead_of_sleeping)
{
	static const __u32 capacities[] = { 0, 2 };
	unsigned int i, n;
	int fd;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		fd = new_chan(0, 8, capacities[i]);
		check_drained(fd);
		for (n = 0; n < capacities[i]; n++)
			EXPECT_EQ(0, try_send_u64(fd, n));
		EXPECT_EQ(-EAGAIN, try_send_u64(fd, n));
		check_info(fd, capacities[i], 0, 0, 0);
		close(fd);
	}
}

TEST(o_nonblock_fails_instead_of_sleeping)
{
	__u64 value;
	int fd;

	fd = new_chan(0, 8, 1);
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	EXPECT_EQ(-EAGAIN, recv_u64(fd, &value));
	EXPECT_EQ(POISON_U64, value);
	EXPECT_EQ(0, send_u64(fd, 1));
	EXPECT_EQ(-EAGAIN, send_u64(fd, 2));
	EXPECT_EQ(1, recv_u64(fd, &value));
	EXPECT_EQ(1, value);
}

TEST(o_nonblock_wins_over_a_deadline)
{
	__u64 value, deadline = in_ms(20000);
	int fd;

	fd = new_chan(0, 8, 0);
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	EXPECT_EQ(-EAGAIN, recv_u64_until(fd, &value, deadline));
	EXPECT_EQ(-EAGAIN, send_msg(fd, &value, sizeof(value), 0, deadline));
	EXPECT_GT(deadline, now_ns(CLOCK_MONOTONIC));
}

TEST(cleared_o_nonblock_sleeps_again)
{
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	ASSERT_EQ(0, fd_set_nonblock(fd, false));
	peer = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, send_u64(fd, 9));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(9, peer->value);
}

/* Deadlines. */

FIXTURE(deadline) {
	int fd;
	__u64 value;
};

FIXTURE_VARIANT(deadline) {
	clockid_t clock;
	__u32 flags;
};

FIXTURE_VARIANT_ADD(deadline, monotonic) {
	.clock = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(deadline, realtime) {
	.clock = CLOCK_REALTIME,
	.flags = GOCHAN_MSG_REALTIME,
};

FIXTURE_SETUP(deadline)
{
	self->fd = new_chan(0, 8, 1);
	self->value = POISON_U64;
}

FIXTURE_TEARDOWN(deadline)
{
	close(self->fd);
}

TEST_F(deadline, recv_after_the_deadline_times_out_at_once)
{
	__u64 deadlines[] = { 0, 1, now_ns(variant->clock) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		__u32 len = sizeof(self->value);

		EXPECT_EQ(-ETIMEDOUT, recv_msg(self->fd, &self->value, &len,
					       variant->flags, deadlines[i]));
		EXPECT_EQ(POISON_U64, self->value);
	}
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(deadline, send_after_the_deadline_times_out_at_once)
{
	EXPECT_EQ(0, try_send_u64(self->fd, 1));
	EXPECT_EQ(-ETIMEDOUT, send_msg(self->fd, &self->value, 8,
				       variant->flags, 0));
	EXPECT_EQ(-ETIMEDOUT, send_msg(self->fd, &self->value, 8,
				       variant->flags, now_ns(variant->clock)));
	check_info(self->fd, 1, 0, 0, 0);
	check_next(self->fd, 1);
}

TEST_F(deadline, transfer_that_can_go_at_once_ignores_a_past_deadline)
{
	__u32 len = sizeof(self->value);

	EXPECT_EQ(0, send_msg(self->fd, &self->value, 8, variant->flags, 0));
	self->value = 0;
	EXPECT_EQ(1, recv_msg(self->fd, &self->value, &len, variant->flags, 0));
	EXPECT_EQ(POISON_U64, self->value);
}

TEST_F(deadline, recv_does_not_time_out_early)
{
	__u64 deadline = now_ns(variant->clock) + 60 * NSEC_PER_MSEC;
	__u32 len = sizeof(self->value);

	EXPECT_EQ(-ETIMEDOUT, recv_msg(self->fd, &self->value, &len,
				       variant->flags, deadline));
	EXPECT_LE(deadline, now_ns(variant->clock));
	EXPECT_EQ(POISON_U64, self->value);
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(deadline, send_does_not_time_out_early)
{
	__u64 deadline;

	EXPECT_EQ(0, try_send_u64(self->fd, 1));
	deadline = now_ns(variant->clock) + 60 * NSEC_PER_MSEC;
	EXPECT_EQ(-ETIMEDOUT, send_msg(self->fd, &self->value, 8,
				       variant->flags, deadline));
	EXPECT_LE(deadline, now_ns(variant->clock));
	check_info(self->fd, 1, 0, 0, 0);
	check_next(self->fd, 1);
	check_drained(self->fd);
}

TEST_F(deadline, message_before_the_deadline_is_received)
{
	__u64 deadline = now_ns(variant->clock) + 3600 * NSEC_PER_SEC;
	__u32 len = sizeof(self->value);
	int fd, status;
	pid_t pid;

	fd = self->fd;
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid) {
		int ret = recv_msg(fd, &self->value, &len, variant->flags,
				   deadline);

		_exit(ret == 1 && self->value == 4 ? 0 : 1);
	}
	await_waiters(fd, 0, 1);
	EXPECT_EQ(0, send_u64(fd, 4));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* No absolute time, however large, has passed already. */
TEST_F(deadline, far_future_deadline_waits)
{
	static const __u64 deadlines[] = {
		GOCHAN_NO_DEADLINE - 1, 1ULL << 63, (1ULL << 63) - 1,
	};
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		pid = fork_child();
		ASSERT_LE(0, pid);
		if (!pid) {
			__u32 len = 8;

			_exit(recv_msg(self->fd, &self->value, &len,
				       variant->flags, deadlines[i]));
		}
		await_waiters(self->fd, 0, 1);
		EXPECT_EQ(0, send_u64(self->fd, i));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		EXPECT_EQ(1, WEXITSTATUS(status));
	}
}

/* Closing. */

TEST(send_on_closed_fails_without_signal)
{
	static const __u32 capacities[] = { 0, 1 };
	unsigned int i;
	int fd;

	/* The default action of SIGPIPE would end the test. */
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_DFL));
	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		fd = new_chan(0, 8, capacities[i]);
		EXPECT_EQ(0, chan_close(fd));
		EXPECT_EQ(-EPIPE, send_u64(fd, 1));
		check_info(fd, 0, 1, 0, 0);
		close(fd);
	}
}

TEST(closed_takes_precedence_over_full_nonblock_and_deadline)
{
	__u64 value = 2;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(-EPIPE, send_u64(fd, 2));
	EXPECT_EQ(-EPIPE, try_send_u64(fd, 2));
	EXPECT_EQ(-EPIPE, send_msg(fd, &value, 8, 0, 0));
	ASSERT_EQ(0, fd_set_nonblock(fd, true));
	EXPECT_EQ(-EPIPE, send_u64(fd, 2));
	check_next(fd, 1);
	/* The end is reported like a message, not as "would block". */
	EXPECT_EQ(0, recv_u64(fd, &value));
	EXPECT_EQ(0, recv_u64_until(fd, &value, 0));
	EXPECT_EQ(0, try_recv_u64(fd, &value));
	check_info(fd, 0, 1, 0, 0);
}

TEST(recv_on_closed_drains_and_then_sees_the_end)
{
	unsigned char buf[8 + GUARD];
	unsigned int i;
	int fd;

	fd = new_chan(0, 8, 3);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, try_send_u64(fd, i));
	EXPECT_EQ(0, chan_close(fd));
	check_info(fd, 3, 1, 0, 0);
	for (i = 0; i < 3; i++) {
		__u64 value;

		EXPECT_EQ(1, recv_u64(fd, &value));
		EXPECT_EQ(i, value);
	}
	for (i = 0; i < 3; i++) {
		__u32 len = sizeof(buf);

		poison(buf, sizeof(buf));
		EXPECT_EQ(0, chan_recv(fd, buf, &len));
		EXPECT_EQ(8, len);
		EXPECT_TRUE(is_filled(buf, 0, 8));
		EXPECT_TRUE(is_poison(buf + 8, GUARD));
	}
	check_info(fd, 0, 1, 0, 0);
}

TEST(varlen_recv_on_closed_has_length_zero)
{
	unsigned char buf[64];
	__u32 len = sizeof(buf);
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, sizeof(buf), 1);
	EXPECT_EQ(0, chan_try_send(fd, "x", 1));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(1, chan_recv(fd, buf, &len));
	EXPECT_EQ(1, len);
	poison(buf, sizeof(buf));
	len = sizeof(buf);
	EXPECT_EQ(0, chan_recv(fd, buf, &len));
	EXPECT_EQ(0, len);
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
}

TEST(recv_without_buffer_on_closed_sees_the_end)
{
	__u32 len = 0;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(1, chan_recv(fd, NULL, &len));
	len = 0;
	EXPECT_EQ(0, chan_recv(fd, NULL, &len));
}

TEST(zero_size_recv_on_closed_tells_messages_from_the_end)
{
	__u32 len = 0;
	int fd;

	fd = new_chan(0, 0, 2);
	EXPECT_EQ(0, chan_try_send(fd, NULL, 0));
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(1, chan_recv(fd, NULL, &len));
	EXPECT_EQ(0, chan_recv(fd, NULL, &len));
	EXPECT_EQ(0, len);
}

TEST(close_twice_fails)
{
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(-ESHUTDOWN, chan_close(fd));
	EXPECT_EQ(-ESHUTDOWN, chan_close(fd));
	check_info(fd, 0, 1, 0, 0);
}

TEST(close_with_argument_fails)
{
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_CLOSE,
				      (void *)(uintptr_t)1));
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_CLOSE, &fd));
	check_info(fd, 0, 0, 0, 0);
	EXPECT_EQ(0, try_send_u64(fd, 1));
}

/* Introspection. */

TEST(info_reports_every_field)
{
	struct gochan_info info;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 300, 7);
	EXPECT_EQ(0, chan_try_send(fd, "a", 1));
	EXPECT_EQ(0, chan_try_send(fd, "bb", 2));
	EXPECT_EQ(0, chan_info(fd, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(GOCHAN_CHAN_VARLEN, info.flags);
	EXPECT_EQ(300, info.elem_size);
	EXPECT_EQ(7, info.capacity);
	EXPECT_EQ(2, info.length);
	EXPECT_EQ(0, info.closed);
	EXPECT_EQ(0, info.senders);
	EXPECT_EQ(0, info.receivers);
	EXPECT_EQ(0, chan_close(fd));
	EXPECT_EQ(0, chan_info(fd, &info));
	EXPECT_EQ(1, info.closed);
	EXPECT_EQ(2, info.length);
	close(fd);

	fd = new_chan(0, 24, 0);
	EXPECT_EQ(0, chan_info(fd, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(24, info.elem_size);
	EXPECT_EQ(0, info.capacity);
	EXPECT_EQ(0, info.length);
}

TEST(info_counts_sleeping_receivers)
{
	struct peer *a, *b;
	int fd;

	fd = new_chan(0, 8, 4);
	a = peer_start(peer_recv, fd, 0);
	b = peer_start(peer_recv, fd, 0);
	await_waiters(fd, 0, 2);
	check_info(fd, 0, 0, 0, 2);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	check_info(fd, 0, 0, 0, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	check_info(fd, 0, 0, 0, 0);
	EXPECT_EQ(1, peer_join(a));
	EXPECT_EQ(1, peer_join(b));
}

TEST(info_counts_sleeping_senders)
{
	struct peer *a, *b;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	a = peer_start(peer_send, fd, 1);
	b = peer_start(peer_send, fd, 1);
	await_waiters(fd, 2, 0);
	check_info(fd, 1, 0, 2, 0);
	check_next(fd, 1);
	check_info(fd, 1, 0, 1, 0);
	check_next(fd, 1);
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(0, peer_join(a));
	EXPECT_EQ(0, peer_join(b));
}

TEST(info_with_bad_size_or_flags_fails)
{
	union {
		struct gochan_info info;
		char bytes[BIG_STRUCT];
	} u = { 0 };
	__u32 size;
	int fd;

	fd = new_chan(0, 8, 1);
	for (size = 0; size < sizeof(u.info); size++) {
		u.info.size = size;
		EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_INFO, &u));
	}
	u.info.size = 4097;
	EXPECT_EQ(-E2BIG, chan_ioctl(fd, GOCHAN_IOC_INFO, &u));
	u.info.size = BIG_STRUCT;
	u.bytes[BIG_STRUCT - 1] = 1;
	EXPECT_EQ(-E2BIG, chan_ioctl(fd, GOCHAN_IOC_INFO, &u));
	u.bytes[BIG_STRUCT - 1] = 0;
	u.info.flags = 1;
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_INFO, &u));
	u.info.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_INFO, &u));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_INFO, NULL));
	u.info.flags = 0;
	EXPECT_EQ(0, chan_ioctl(fd, GOCHAN_IOC_INFO, &u));
	EXPECT_EQ(1, u.info.capacity);
	EXPECT_TRUE(is_filled(u.bytes + sizeof(u.info), 0,
			      BIG_STRUCT - sizeof(u.info)));
}

/* What a failed call leaves behind: nothing. recv_msg() sees @ok and @len. */

TEST(failed_recv_touches_neither_buffer_nor_struct)
{
	__u64 deadline = in_ms(5);
	unsigned char buf[8];
	__u32 len;
	int fd;

	fd = new_chan(0, 8, 1);
	poison(buf, sizeof(buf));
	len = 8;
	EXPECT_EQ(-EAGAIN, chan_try_recv(fd, buf, &len));
	EXPECT_EQ(-ETIMEDOUT, recv_msg(fd, buf, &len, 0, 0));
	EXPECT_EQ(-ETIMEDOUT, recv_msg(fd, buf, &len, 0, deadline));
	EXPECT_EQ(-EINVAL, recv_msg(fd, buf, &len, 1U << 31, 0));
	EXPECT_EQ(8, len);
	EXPECT_EQ(0, try_send_u64(fd, 1));
	len = 4;
	EXPECT_EQ(-EMSGSIZE, chan_try_recv(fd, buf, &len));
	EXPECT_TRUE(is_poison(buf, sizeof(buf)));
	check_next(fd, 1);
}

TEST(send_with_ok_set_fails)
{
	__u64 value = 1;
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.buf = (uintptr_t)&value,
		.len = sizeof(value),
		.ok = 1,
		.deadline = GOCHAN_NO_DEADLINE,
	};
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_SEND, &msg));
	check_info(fd, 0, 0, 0, 0);
}

TEST(send_leaves_its_struct_alone)
{
	__u64 value = 1;
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.buf = (uintptr_t)&value,
		.len = sizeof(value),
		.deadline = GOCHAN_NO_DEADLINE,
	};
	struct gochan_msg copy = msg;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, chan_ioctl(fd, GOCHAN_IOC_SEND, &msg));
	EXPECT_EQ(0, memcmp(&msg, &copy, sizeof(msg)));
	msg.flags = GOCHAN_MSG_NONBLOCK;
	copy = msg;
	EXPECT_EQ(-EAGAIN, chan_ioctl(fd, GOCHAN_IOC_SEND, &msg));
	EXPECT_EQ(0, memcmp(&msg, &copy, sizeof(msg)));
}

/* Neither messages nor structures need be where their types would be. */
TEST(any_address_will_do)
{
	unsigned char mem[sizeof(struct gochan_msg) + 16], buf[32];
	struct gochan_msg msg;
	unsigned int i;
	__u64 in, got;
	int fd;

	fd = new_chan(0, sizeof(in), 1);
	for (i = 0; i < 16; i++) {
		msg = (struct gochan_msg){
			.size = sizeof(msg),
			.buf = (uintptr_t)(buf + i),
			.len = sizeof(in),
			.deadline = GOCHAN_NO_DEADLINE,
		};
		in = 0x0123456789abcdefULL * (i + 1);
		memcpy(mem + i, &msg, sizeof(msg));
		memcpy(buf + i, &in, sizeof(in));
		ASSERT_EQ(0, chan_ioctl(fd, GOCHAN_IOC_SEND, mem + i));
		poison(buf, sizeof(buf));
		ASSERT_EQ(0, chan_ioctl(fd, GOCHAN_IOC_RECV, mem + i));
		memcpy(&msg, mem + i, sizeof(msg));
		memcpy(&got, buf + i, sizeof(got));
		EXPECT_EQ(in, got);
		EXPECT_EQ(1, msg.ok);
		EXPECT_EQ(sizeof(in), msg.len);
		EXPECT_TRUE(is_poison(buf, i));
		EXPECT_TRUE(is_poison(buf + i + 8, sizeof(buf) - i - 8));
	}
}

TEST_HARNESS_MAIN
