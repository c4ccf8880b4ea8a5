// SPDX-License-Identifier: GPL-2.0
/*
 * Bad user memory: every call that meets it fails with EFAULT, at once, and no
 * message is lost, doubled or half-written.
 */

#include "page_test.h"

/* Long enough to tell "at once" from "slept until then". */
#define LONG_MS		20000

/* Addresses that cannot be written to, for messages of 8 bytes. */
FIXTURE(bad_dst) {
	int fd;
	void *buf;
};

FIXTURE_VARIANT(bad_dst) {
	bool mapped;
	int prot;
	int offset;
	__u32 capacity;
};

FIXTURE_VARIANT_ADD(bad_dst, unmapped) {
	.capacity = 2,
};

FIXTURE_VARIANT_ADD(bad_dst, read_only) {
	.mapped = true,
	.prot = PROT_READ,
	.capacity = 2,
};

FIXTURE_VARIANT_ADD(bad_dst, no_access) {
	.mapped = true,
	.prot = PROT_NONE,
	.capacity = 2,
};

FIXTURE_VARIANT_ADD(bad_dst, tail_unmapped) {
	.offset = -4,
	.capacity = 2,
};

FIXTURE_VARIANT_ADD(bad_dst, tail_read_only) {
	.mapped = true,
	.prot = PROT_READ,
	.offset = -4,
	.capacity = 2,
};

FIXTURE_VARIANT_ADD(bad_dst, last_byte_read_only) {
	.mapped = true,
	.prot = PROT_READ,
	.offset = -7,
	.capacity = 2,
};

FIXTURE_SETUP(bad_dst)
{
	unsigned char *bad;

	bad = variant->mapped ? bad_page(variant->prot) : unmapped_page();
	self->buf = bad + variant->offset;
	self->fd = new_chan(0, 8, variant->capacity);
}

FIXTURE_TEARDOWN(bad_dst)
{
	close(self->fd);
}

TEST_F(bad_dst, recv_leaves_the_message)
{
	__u32 len = 8;

	ASSERT_EQ(0, try_send_u64(self->fd, 1));
	ASSERT_EQ(0, try_send_u64(self->fd, 2));
	EXPECT_EQ(-EFAULT, chan_recv(self->fd, self->buf, &len));
	EXPECT_EQ(-EFAULT, chan_try_recv(self->fd, self->buf, &len));
	check_info(self->fd, 2, 0, 0, 0);
	check_next(self->fd, 1);
	check_next(self->fd, 2);
	check_drained(self->fd);
}

TEST_F(bad_dst, read_leaves_the_message)
{
	ASSERT_EQ(0, try_send_u64(self->fd, 1));
	EXPECT_EQ(-EFAULT, fd_read(self->fd, self->buf, 8));
	ASSERT_EQ(0, fd_set_nonblock(self->fd, true));
	EXPECT_EQ(-EFAULT, fd_read(self->fd, self->buf, 8));
	check_info(self->fd, 1, 0, 0, 0);
	check_next(self->fd, 1);
}

TEST_F(bad_dst, recv_on_empty_channel_fails_without_sleeping)
{
	__u64 deadline = in_ms(LONG_MS);
	__u32 len = 8;

	EXPECT_EQ(-EFAULT, recv_msg(self->fd, self->buf, &len, 0, deadline));
	EXPECT_GT(deadline, now_ns(CLOCK_MONOTONIC));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(bad_dst, read_on_empty_channel_fails_without_sleeping)
{
	EXPECT_EQ(-EFAULT, fd_read(self->fd, self->buf, 8));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(bad_dst, recv_leaves_the_sleeping_sender_alone)
{
	struct peer *peer;
	__u32 len = 8;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_send, fd, 42);
	await_waiters(fd, 1, 0);
	EXPECT_EQ(-EFAULT, chan_recv(fd, self->buf, &len));
	EXPECT_EQ(-EFAULT, fd_read(fd, self->buf, 8));
	check_info(fd, 0, 0, 1, 0);
	check_next(fd, 42);
	EXPECT_EQ(0, peer_join(peer));
}

/* Addresses that cannot be read, for messages of 8 bytes. */
FIXTURE(bad_src) {
	int fd;
	void *buf;
};

FIXTURE_VARIANT(bad_src) {
	bool mapped;
	int offset;
};

FIXTURE_VARIANT_ADD(bad_src, unmapped) {
	.offset = 0,
};

FIXTURE_VARIANT_ADD(bad_src, no_access) {
	.mapped = true,
};

FIXTURE_VARIANT_ADD(bad_src, tail_no_access) {
	.mapped = true,
	.offset = -4,
};

FIXTURE_SETUP(bad_src)
{
	unsigned char *bad;

	bad = variant->mapped ? bad_page(PROT_NONE) : unmapped_page();
	self->buf = bad + variant->offset;
	self->fd = new_chan(0, 8, 1);
}

FIXTURE_TEARDOWN(bad_src)
{
	close(self->fd);
}

TEST_F(bad_src, send_sends_nothing)
{
	EXPECT_EQ(-EFAULT, chan_send(self->fd, self->buf, 8));
	EXPECT_EQ(-EFAULT, chan_try_send(self->fd, self->buf, 8));
	check_info(self->fd, 0, 0, 0, 0);
	check_drained(self->fd);
}

TEST_F(bad_src, write_sends_nothing)
{
	EXPECT_EQ(-EFAULT, fd_write(self->fd, self->buf, 8));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(bad_src, send_on_full_channel_fails_without_sleeping)
{
	__u64 deadline = in_ms(LONG_MS);

	ASSERT_EQ(0, try_send_u64(self->fd, 1));
	EXPECT_EQ(-EFAULT, send_msg(self->fd, self->buf, 8, 0, deadline));
	EXPECT_GT(deadline, now_ns(CLOCK_MONOTONIC));
	EXPECT_EQ(-EFAULT, fd_write(self->fd, self->buf, 8));
	check_info(self->fd, 1, 0, 0, 0);
	check_next(self->fd, 1);
	check_drained(self->fd);
}

TEST_F(bad_src, send_leaves_the_sleeping_receiver_alone)
{
	struct peer *peer;

	peer = peer_start(peer_recv, self->fd, 0);
	await_waiters(self->fd, 0, 1);
	EXPECT_EQ(-EFAULT, chan_send(self->fd, self->buf, 8));
	EXPECT_EQ(-EFAULT, fd_write(self->fd, self->buf, 8));
	check_info(self->fd, 0, 0, 0, 1);
	EXPECT_EQ(0, send_u64(self->fd, 6));
	EXPECT_EQ(1, peer_join(peer));
	EXPECT_EQ(6, peer->value);
}

TEST(recv_at_null_with_a_length_is_no_discard)
{
	__u32 len = 8;
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 3));
	EXPECT_EQ(-EFAULT, chan_recv(fd, NULL, &len));
	EXPECT_EQ(-EFAULT, chan_send(fd, NULL, 8));
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, 3);
}

TEST(recv_at_a_kernel_address_leaves_the_message)
{
	__u64 value = 3;
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.flags = GOCHAN_MSG_NONBLOCK,
		.buf = ~(__u64)0 << 47,
		.len = 8,
		.deadline = GOCHAN_NO_DEADLINE,
	};
	int fd;

	fd = new_chan(0, 8, 1);
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_SEND, &msg));
	EXPECT_EQ(0, try_send_u64(fd, value));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_RECV, &msg));
	/* The last bytes of the address space: adding the length wraps. */
	msg.buf = ~(__u64)0 - 3;
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_RECV, &msg));
	check_info(fd, 1, 0, 0, 0);
	check_next(fd, value);
}

/* The structure itself: @ok and @len are written back after a receive. */

FIXTURE(bad_msg) {
	int fd;
	unsigned char *bad;
	__u64 value;
	struct gochan_msg msg;
};

FIXTURE_VARIANT(bad_msg) {
	bool for_ever;
};

FIXTURE_VARIANT_ADD(bad_msg, with_deadline) {
};

/* What most calls ask for goes another way: see chan_word.c. */
FIXTURE_VARIANT_ADD(bad_msg, without) {
	.for_ever = true,
};

FIXTURE_SETUP(bad_msg)
{
	self->bad = three_pages() + page;
	self->fd = new_chan(0, 8, 1);
	self->value = POISON_U64;
	self->msg.size = sizeof(self->msg);
	self->msg.buf = (uintptr_t)&self->value;
	self->msg.len = 8;
	self->msg.ok = POISON_U32;
	self->msg.deadline = variant->for_ever ? GOCHAN_NO_DEADLINE :
						 in_ms(LONG_MS);
}

FIXTURE_TEARDOWN(bad_msg)
{
	close(self->fd);
}

static void *place_msg(unsigned char *at, const struct gochan_msg *msg,
		       unsigned char *bad, int prot)
{
	memcpy(at, msg, sizeof(*msg));
	if (mprotect(bad, page, prot))
		abort();
	return at;
}

TEST_F(bad_msg, recv_with_read_only_struct_leaves_the_message)
{
	void *msg = place_msg(self->bad, &self->msg, self->bad, PROT_READ);

	EXPECT_EQ(0, try_send_u64(self->fd, 11));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_RECV, msg));
	check_info(self->fd, 1, 0, 0, 0);
	check_next(self->fd, 11);
}

TEST_F(bad_msg, recv_with_half_read_only_struct_leaves_the_message)
{
	/* @size and @len in the page before, @ok in the read-only one. */
	unsigned char *at = self->bad - offsetof(struct gochan_msg, ok);
	void *msg = place_msg(at, &self->msg, self->bad, PROT_READ);

	EXPECT_EQ(0, try_send_u64(self->fd, 11));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_RECV, msg));
	check_info(self->fd, 1, 0, 0, 0);
	check_next(self->fd, 11);
}

TEST_F(bad_msg, recv_with_read_only_struct_fails_without_sleeping)
{
	void *msg = place_msg(self->bad, &self->msg, self->bad, PROT_READ);

	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_RECV, msg));
	EXPECT_GT(self->msg.deadline, now_ns(CLOCK_MONOTONIC));
	check_info(self->fd, 0, 0, 0, 0);
}

TEST_F(bad_msg, recv_with_read_only_struct_leaves_the_sleeping_sender_alone)
{
	void *msg = place_msg(self->bad, &self->msg, self->bad, PROT_READ);
	struct peer *peer;
	int fd;

	fd = new_chan(0, 8, 0);
	peer = peer_start(peer_send, fd, 12);
	await_waiters(fd, 1, 0);
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_RECV, msg));
	check_info(fd, 0, 0, 1, 0);
	check_next(fd, 12);
	EXPECT_EQ(0, peer_join(peer));
}

TEST_F(bad_msg, send_needs_no_writable_struct)
{
	void *msg;

	self->value = 13;
	self->msg.ok = 0;
	msg = place_msg(self->bad, &self->msg, self->bad, PROT_READ);
	EXPECT_EQ(0, chan_ioctl(self->fd, GOCHAN_IOC_SEND, msg));
	check_next(self->fd, 13);
}

TEST_F(bad_msg, struct_that_runs_into_a_bad_page_does_nothing)
{
	unsigned char *at = self->bad - 24;
	void *msg;

	self->msg.ok = 0;
	msg = place_msg(at, &self->msg, self->bad, PROT_NONE);
	/* What can be read of it is good for either call. */
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_SEND, msg));
	check_info(self->fd, 0, 0, 0, 0);
	EXPECT_EQ(0, try_send_u64(self->fd, 14));
	EXPECT_EQ(-EFAULT, chan_ioctl(self->fd, GOCHAN_IOC_RECV, msg));
	check_next(self->fd, 14);
}

TEST(create_with_struct_that_runs_into_a_bad_page_fails)
{
	struct gochan_chan_create args = { .size = sizeof(args) };
	unsigned char *bad = bad_page(PROT_NONE);

	memcpy(bad - 8, &args, 8);
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE,
				      bad - 8));
	/* Only @size can be read. */
	memcpy(bad - 4, &args, 4);
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE,
				      bad - 4));
	EXPECT_EQ(-EFAULT, chan_ioctl(gochan_dev, GOCHAN_IOC_CHAN_CREATE, bad));
}

TEST(info_with_read_only_struct_fails)
{
	struct gochan_info info = { .size = sizeof(info) };
	unsigned char *mem;
	int fd;

	fd = new_chan(0, 8, 1);
	mem = three_pages();
	memcpy(mem + page, &info, sizeof(info));
	ASSERT_EQ(0, mprotect(mem + page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, chan_ioctl(fd, GOCHAN_IOC_INFO, mem + page));
	EXPECT_EQ(0, memcmp(mem + page, &info, sizeof(info)));
}

/* Messages of many pages, bad at one end. */

#define BIG		GOCHAN_MAX_ELEM_SIZE

static unsigned char *big_buffer(size_t *size)
{
	page = sysconf(_SC_PAGESIZE);
	*size = BIG + page;
	return shared_alloc(*size);
}

static void fill_big(unsigned char *buf)
{
	size_t i;

	for (i = 0; i < BIG; i++)
		buf[i] = i * 31 + (i >> 9);
}

TEST(big_recv_with_bad_last_page_leaves_the_message)
{
	unsigned char *good, *bad;
	__u32 len = BIG;
	size_t size;
	int fd;

	fd = new_chan(0, BIG, 1);
	good = big_buffer(&size);
	bad = big_buffer(&size);
	fill_big(good);
	EXPECT_EQ(0, chan_try_send(fd, good, BIG));
	poison(good, BIG);
	ASSERT_EQ(0, mprotect(bad + BIG - page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, chan_recv(fd, bad, &len));
	EXPECT_EQ(-EFAULT, fd_read(fd, bad, BIG));
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(1, chan_try_recv(fd, good, &len));
	EXPECT_EQ(BIG, len);
	ASSERT_EQ(0, mprotect(bad, size, PROT_READ | PROT_WRITE));
	fill_big(bad);
	EXPECT_EQ(0, memcmp(good, bad, BIG));
}

TEST(big_recv_with_bad_middle_page_leaves_the_message)
{
	unsigned char *good, *bad;
	__u32 len = BIG;
	size_t size;
	int fd;

	fd = new_chan(0, BIG, 1);
	good = big_buffer(&size);
	bad = big_buffer(&size);
	fill_big(good);
	EXPECT_EQ(0, chan_try_send(fd, good, BIG));
	ASSERT_EQ(0, munmap(bad + 4 * page, page));
	EXPECT_EQ(-EFAULT, chan_recv(fd, bad, &len));
	EXPECT_EQ(-EFAULT, fd_read(fd, bad, BIG));
	check_info(fd, 1, 0, 0, 0);
	poison(good, BIG);
	EXPECT_EQ(1, chan_try_recv(fd, good, &len));
	EXPECT_FALSE(is_poison(good + BIG - page, page));
}

TEST(big_send_with_bad_last_page_sends_nothing)
{
	unsigned char *bad;
	size_t size;
	int fd;

	fd = new_chan(0, BIG, 1);
	bad = big_buffer(&size);
	fill_big(bad);
	ASSERT_EQ(0, mprotect(bad + BIG - page, page, PROT_NONE));
	EXPECT_EQ(-EFAULT, chan_send(fd, bad, BIG));
	EXPECT_EQ(-EFAULT, fd_write(fd, bad, BIG));
	check_info(fd, 0, 0, 0, 0);
	ASSERT_EQ(0, mprotect(bad, size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, chan_send(fd, bad, BIG));
	check_info(fd, 1, 0, 0, 0);
}

/* A variable-length receive names room for a whole element: all of it counts. */
TEST(varlen_recv_whose_room_is_partly_bad_leaves_the_message)
{
	unsigned char *bad = bad_page(PROT_READ);
	unsigned char buf[64];
	__u32 len = 64;
	int fd;

	fd = new_chan(GOCHAN_CHAN_VARLEN, 64, 1);
	EXPECT_EQ(0, chan_try_send(fd, "ab", 2));
	EXPECT_EQ(-EFAULT, chan_recv(fd, bad - 32, &len));
	check_info(fd, 1, 0, 0, 0);
	EXPECT_EQ(1, chan_try_recv(fd, buf, &len));
	EXPECT_EQ(2, len);
	EXPECT_EQ(0, memcmp(buf, "ab", 2));
}

/* Memory that is fine but not there yet must simply work. */
TEST(transfer_through_untouched_memory_works)
{
	unsigned char *src, *dst;
	__u32 len = BIG;
	size_t size;
	int fd;

	fd = new_chan(0, BIG, 1);
	src = big_buffer(&size);
	dst = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)dst);
	EXPECT_EQ(0, chan_send(fd, src, BIG));
	poison(src, BIG);
	EXPECT_EQ(1, chan_recv(fd, dst, &len));
	EXPECT_TRUE(is_filled(dst, 0, BIG));
}

/* The pages are shared with a forked child: writing must unshare them. */
TEST(recv_into_copy_on_write_memory_stays_private)
{
	unsigned char *buf;
	__u32 len = 8;
	__u64 value;
	int status;
	pid_t pid;
	int fd;

	page = sysconf(_SC_PAGESIZE);
	fd = new_chan(0, 8, 1);
	buf = mmap(NULL, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)buf);
	poison(buf, page);
	EXPECT_EQ(0, try_send_u64(fd, 99));
	pid = fork_child();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(chan_recv(fd, buf, &len) == 1 &&
		      !is_poison(buf, 8) ? 0 : 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_poison(buf, page));
	EXPECT_EQ(-EAGAIN, try_recv_u64(fd, &value));
}

/* Is the page at @addr still that of the file which it is a private copy of? */
static bool is_file_page(const void *addr)
{
	__u64 entry = 0;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)addr / page *
		  sizeof(entry)) != sizeof(entry))
		entry = 0;
	close(fd);
	/* Present, and of a file. */
	return entry >> 63 && entry >> 61 & 1;
}

/* Not even with what is there already: another thread may be changing it. */
TEST(struct_of_a_wrong_size_is_not_written)
{
	static const __u32 sizes[] = { 0, 8, 24, 31 };
	struct gochan_msg_batch *batch;
	struct gochan_msg *msg;
	__u64 value;
	unsigned int i;
	int fd, mem;

	page = sysconf(_SC_PAGESIZE);
	fd = new_chan(0, 8, 1);
	EXPECT_EQ(0, try_send_u64(fd, 99));
	mem = memfd_create("struct", MFD_CLOEXEC);
	ASSERT_LE(0, mem);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct gochan_msg content = {
			.size = sizes[i],
			.buf = (uintptr_t)&value,
			.len = sizeof(value),
			.deadline = GOCHAN_NO_DEADLINE,
		};

		ASSERT_EQ((ssize_t)sizeof(content),
			  pwrite(mem, &content, sizeof(content), 0));
		ASSERT_EQ(0, ftruncate(mem, page));
		msg = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			   mem, 0);
		ASSERT_NE(MAP_FAILED, (void *)msg);
		batch = (void *)msg;
		EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_RECV, msg));
		EXPECT_TRUE(is_file_page(msg));
		EXPECT_EQ(-EINVAL, chan_ioctl(fd, GOCHAN_IOC_RECV_MANY, batch));
		EXPECT_TRUE(is_file_page(msg));
		/* That is what a page looks like that is written to. */
		msg->size = sizeof(*msg);
		EXPECT_FALSE(is_file_page(msg));
		munmap(msg, page);
	}
	check_next(fd, 99);
	close(mem);
}

TEST_HARNESS_MAIN
