// SPDX-License-Identifier: GPL-2.0
/*
 * Maps from u64 to u64 through the device, and the kernel's hash map of bpf(2),
 * as its users are told to have it, with memory for all entries beforehand
 * (bpf), and with memory taken and given back as needed (bpf-noprealloc).
 *
 * A map has n entries all the time, or all but a window of them: what deletes
 * takes the window away, what inserts puts it back, and neither leaves
 * the other's work to be timed.
 *
 * bpf(2) cannot look up many given keys in one call: its batch reads whatever
 * comes next, and is compared with the iterator.
 */

#include <linux/bpf.h>
#include <sys/syscall.h>

#include "bench.h"

/* Keys or entries of a call that takes many. */
#define BATCH		64

/* Operations in each round, and entries that come and go, if there are. */
#define OPS		2048

/* Not a key of any map: those are mixed from small numbers. */
#define ABSENT		0x100000000ULL

static __u64 hits[OPS], misses[OPS];
static __u64 keys[BATCH], values[BATCH];
static __u8 found[BATCH];

/* Entries that come and go: a multiple of BATCH. */
static size_t window(const struct bench *b)
{
	return b->n / BATCH * BATCH < OPS ? b->n / BATCH * BATCH : OPS;
}

/* What is looked up, in an order unlike that of insertion. */
static void make_keys(size_t n)
{
	size_t i, nr = n < OPS ? n : OPS;

	for (i = 0; i < OPS; i++) {
		/* Every nr-th distinct: the odd factor is prime to n. */
		hits[i] = bench_mix((i % nr) * 7919 % n);
		misses[i] = bench_mix(ABSENT + i);
	}
}

/* One key: an ioctl of the map, or a command of bpf(2). */

static int entry_ioctl(const struct bench *b, unsigned long cmd, __u32 flags,
		       const __u64 *key, __u64 *value)
{
	struct gochan_map_entry arg = {
		.size = sizeof(arg),
		.flags = flags,
		.key = (uintptr_t)key,
		.value = (uintptr_t)value,
		.key_len = sizeof(*key),
		.value_len = value ? sizeof(*value) : 0,
	};

	return ioctl(b->fd[0], cmd, &arg);
}

static int bpf_entry(const struct bench *b, int cmd, __u64 flags,
		     const __u64 *key, __u64 *value)
{
	union bpf_attr attr;

	/* The unused rest of a command's fields must be zero, and no more. */
	memset(&attr, 0, offsetof(union bpf_attr, flags) + sizeof(attr.flags));
	attr.map_fd = b->fd[0];
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	attr.flags = flags;
	return syscall(SYS_bpf, cmd, &attr,
		       offsetof(union bpf_attr, flags) + sizeof(attr.flags));
}

/* Many keys. */

static int batch_ioctl(const struct bench *b, unsigned long cmd, __u64 *from,
		       __u64 *to, __u8 *seen)
{
	struct gochan_map_batch arg = {
		.size = sizeof(arg),
		.keys = (uintptr_t)from,
		.values = (uintptr_t)to,
		.found = (uintptr_t)seen,
		.key_size = sizeof(*from),
		.value_size = to ? sizeof(*to) : 0,
		.count = BATCH,
	};

	return ioctl(b->fd[0], cmd, &arg) < 0 ? -1 : (int)arg.done;
}

static int bpf_batch(const struct bench *b, int cmd, __u64 *from, __u64 *to)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr.batch));
	attr.batch.map_fd = b->fd[0];
	attr.batch.keys = (uintptr_t)from;
	attr.batch.values = (uintptr_t)to;
	attr.batch.count = BATCH;
	return syscall(SYS_bpf, cmd, &attr, sizeof(attr.batch)) ?
		-1 : (int)attr.batch.count;
}

/* The maps, filled. The flag of a subject is the one it is made with. */

static int setup_map(struct bench *b)
{
	size_t i;

	b->fd[0] = map_create(0, sizeof(__u64), sizeof(__u64));
	for (i = 0; i < b->n; i++) {
		keys[0] = bench_mix(i);
		bench_must(!entry_ioctl(b, GOCHAN_IOC_MAP_PUT, 0, keys, keys),
			   b);
	}
	return 0;
}

static int setup_bpf(struct bench *b)
{
	union bpf_attr attr;
	size_t i;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = sizeof(__u64);
	attr.value_size = sizeof(__u64);
	attr.max_entries = b->n;
	attr.map_flags = b->flags;
	b->fd[0] = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (b->fd[0] < 0)
		return -1;
	for (i = 0; i < b->n; i++) {
		keys[0] = bench_mix(i);
		bench_must(!bpf_entry(b, BPF_MAP_UPDATE_ELEM, BPF_ANY, keys,
				      keys), b);
	}
	return 0;
}

static void teardown(struct bench *b)
{
	close(b->fd[0]);
}

/* The window goes or comes, outside of what is timed; it may have already. */

static void drop_window(struct bench *b)
{
	size_t i;

	for (i = 0; i < window(b); i++)
		entry_ioctl(b, GOCHAN_IOC_MAP_DELETE, 0, &hits[i], NULL);
}

static void fill_window(struct bench *b)
{
	size_t i;

	for (i = 0; i < window(b); i++)
		entry_ioctl(b, GOCHAN_IOC_MAP_PUT, 0, &hits[i], &hits[i]);
}

static void drop_window_bpf(struct bench *b)
{
	size_t i;

	for (i = 0; i < window(b); i++)
		bpf_entry(b, BPF_MAP_DELETE_ELEM, 0, &hits[i], NULL);
}

static void fill_window_bpf(struct bench *b)
{
	size_t i;

	for (i = 0; i < window(b); i++)
		bpf_entry(b, BPF_MAP_UPDATE_ELEM, BPF_ANY, &hits[i], &hits[i]);
}

/* Operations on one key. */

static void run_put(struct bench *b, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++)
		bench_must(!entry_ioctl(b, GOCHAN_IOC_MAP_PUT, 0, &hits[i],
					&hits[i]), b);
}

static void run_put_bpf(struct bench *b, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++)
		bench_must(!bpf_entry(b, BPF_MAP_UPDATE_ELEM, BPF_ANY, &hits[i],
				      &hits[i]), b);
}

static void run_get(struct bench *b, unsigned long ops)
{
	unsigned long i;
	__u64 value;

	for (i = 0; i < ops; i++)
		bench_must(!entry_ioctl(b, GOCHAN_IOC_MAP_GET, 0, &hits[i],
					&value) && value == hits[i], b);
}

static void run_get_bpf(struct bench *b, unsigned long ops)
{
	unsigned long i;
	__u64 value;

	for (i = 0; i < ops; i++)
		bench_must(!bpf_entry(b, BPF_MAP_LOOKUP_ELEM, 0, &hits[i],
				      &value) && value == hits[i], b);
}

static void run_miss(struct bench *b, unsigned long ops)
{
	unsigned long i;
	__u64 value;

	for (i = 0; i < ops; i++)
		bench_must(entry_ioctl(b, GOCHAN_IOC_MAP_GET, 0, &misses[i],
				       &value) && errno == ENOENT, b);
}

static void run_miss_bpf(struct bench *b, unsigned long ops)
{
	unsigned long i;
	__u64 value;

	for (i = 0; i < ops; i++)
		bench_must(bpf_entry(b, BPF_MAP_LOOKUP_ELEM, 0, &misses[i],
				     &value) && errno == ENOENT, b);
}

static void run_delete(struct bench *b, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++)
		bench_must(!entry_ioctl(b, GOCHAN_IOC_MAP_DELETE, 0, &hits[i],
					NULL), b);
}

static void run_delete_bpf(struct bench *b, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++)
		bench_must(!bpf_entry(b, BPF_MAP_DELETE_ELEM, 0, &hits[i],
				      NULL), b);
}

static void run_take(struct bench *b, unsigned long ops)
{
	unsigned long i;
	__u64 value;

	for (i = 0; i < ops; i++)
		bench_must(!entry_ioctl(b, GOCHAN_IOC_MAP_TAKE, 0, &hits[i],
					&value) && value == hits[i], b);
}

static void run_take_bpf(struct bench *b, unsigned long ops)
{
	unsigned long i;
	__u64 value;

	for (i = 0; i < ops; i++)
		bench_must(!bpf_entry(b, BPF_MAP_LOOKUP_AND_DELETE_ELEM, 0,
				      &hits[i], &value) && value == hits[i], b);
}

static void run_add(struct bench *b, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++)
		bench_must(!map_add(b->fd[0], &hits[i], sizeof(hits[i]), 1), b);
}

static void run_cas(struct bench *b, unsigned long ops)
{
	struct gochan_map_cas arg = {
		.size = sizeof(arg),
		.key_len = sizeof(__u64),
		.value_len = sizeof(__u64),
	};
	unsigned long i;

	/* The new value is the old one, so that the next round finds it. */
	for (i = 0; i < ops; i++) {
		arg.key = (uintptr_t)&hits[i];
		arg.expected = arg.key;
		arg.value = arg.key;
		bench_must(!ioctl(b->fd[0], GOCHAN_IOC_MAP_CAS, &arg), b);
	}
}

/* Operations on many keys. */

static void run_get_many(struct bench *b, unsigned long calls)
{
	unsigned long i;

	for (i = 0; i < calls; i++)
		bench_must(batch_ioctl(b, GOCHAN_IOC_MAP_GET_MANY,
				       &hits[i * BATCH], values, found) ==
			   BATCH && values[BATCH - 1] ==
			   hits[i * BATCH + BATCH - 1], b);
}

static void run_put_many(struct bench *b, unsigned long calls)
{
	unsigned long i;

	for (i = 0; i < calls; i++)
		bench_must(batch_ioctl(b, GOCHAN_IOC_MAP_PUT_MANY,
				       &hits[i * BATCH], &hits[i * BATCH],
				       NULL) == BATCH, b);
}

static void run_delete_many(struct bench *b, unsigned long calls)
{
	unsigned long i;

	for (i = 0; i < calls; i++)
		bench_must(batch_ioctl(b, GOCHAN_IOC_MAP_DELETE_MANY,
				       &hits[i * BATCH], NULL, NULL) == BATCH,
			   b);
}

static void run_put_many_bpf(struct bench *b, unsigned long calls)
{
	unsigned long i;

	for (i = 0; i < calls; i++)
		bench_must(bpf_batch(b, BPF_MAP_UPDATE_BATCH, &hits[i * BATCH],
				     &hits[i * BATCH]) == BATCH, b);
}

static void run_delete_many_bpf(struct bench *b, unsigned long calls)
{
	unsigned long i;

	for (i = 0; i < calls; i++)
		bench_must(bpf_batch(b, BPF_MAP_DELETE_BATCH, &hits[i * BATCH],
				     NULL) == BATCH, b);
}

/* The next entries, from the first after the last, until there are enough. */

static void run_iter(struct bench *b, unsigned long calls)
{
	unsigned long left = calls * BATCH;
	struct gochan_map_iter it = {
		.keys = (uintptr_t)keys,
		.values = (uintptr_t)values,
		.key_size = sizeof(keys[0]),
		.value_size = sizeof(values[0]),
	};

	while (left) {
		it.count = left < BATCH ? left : BATCH;
		if (!map_iter(b->fd[0], &it))
			memset(it.cursor, 0, sizeof(it.cursor));
		left -= it.done;
	}
}

static void run_iter_bpf(struct bench *b, unsigned long calls)
{
	long left = calls * BATCH;
	union bpf_attr attr;
	__u32 place;
	int err;

	memset(&attr, 0, sizeof(attr.batch));
	attr.batch.map_fd = b->fd[0];
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	attr.batch.out_batch = (uintptr_t)&place;
	/* It stops short of a bucket that has more entries than are wanted. */
	while (left > 0) {
		attr.batch.count = BATCH;
		err = syscall(SYS_bpf, BPF_MAP_LOOKUP_BATCH, &attr,
			      sizeof(attr.batch));
		bench_must(!err || errno == ENOENT, b);
		attr.batch.in_batch = err ? 0 : (uintptr_t)&place;
		left -= attr.batch.count;
	}
}

#define MAP(what, how, before)						\
	.subject = "gochan", .op = (what), .run = (how),		\
	.prepare = (before), .setup = setup_map, .teardown = teardown

#define BPF(what, how, before)						\
	.subject = "bpf", .op = (what), .run = (how),			\
	.prepare = (before), .setup = setup_bpf, .teardown = teardown

#define BPF_NOPREALLOC(what, how, before)				\
	.subject = "bpf-noprealloc", .op = (what), .run = (how),	\
	.prepare = (before), .setup = setup_bpf, .teardown = teardown,	\
	.flags = BPF_F_NO_PREALLOC

static struct bench benches[] = {
	{ MAP("put_new", run_put, drop_window) },
	{ BPF("put_new", run_put_bpf, drop_window_bpf) },
	{ BPF_NOPREALLOC("put_new", run_put_bpf, drop_window_bpf) },
	{ MAP("put", run_put, NULL) },
	{ BPF("put", run_put_bpf, NULL) },
	{ BPF_NOPREALLOC("put", run_put_bpf, NULL) },
	{ MAP("get", run_get, NULL) },
	{ BPF("get", run_get_bpf, NULL) },
	{ BPF_NOPREALLOC("get", run_get_bpf, NULL) },
	{ MAP("miss", run_miss, NULL) },
	{ BPF("miss", run_miss_bpf, NULL) },
	{ BPF_NOPREALLOC("miss", run_miss_bpf, NULL) },
	{ MAP("delete", run_delete, fill_window) },
	{ BPF("delete", run_delete_bpf, fill_window_bpf) },
	{ BPF_NOPREALLOC("delete", run_delete_bpf, fill_window_bpf) },
	{ MAP("take", run_take, fill_window) },
	{ BPF("take", run_take_bpf, fill_window_bpf) },
	{ BPF_NOPREALLOC("take", run_take_bpf, fill_window_bpf) },
	{ MAP("add", run_add, NULL) },
	{ MAP("cas", run_cas, NULL) },
	{ MAP("get_many", run_get_many, NULL), .per_call = BATCH },
	{ MAP("put_many", run_put_many, NULL), .per_call = BATCH },
	{ BPF("put_many", run_put_many_bpf, NULL), .per_call = BATCH },
	{ BPF_NOPREALLOC("put_many", run_put_many_bpf, NULL),
	  .per_call = BATCH },
	{ MAP("delete_many", run_delete_many, fill_window),
	  .per_call = BATCH },
	{ BPF("delete_many", run_delete_many_bpf, fill_window_bpf),
	  .per_call = BATCH },
	{ BPF_NOPREALLOC("delete_many", run_delete_many_bpf, fill_window_bpf),
	  .per_call = BATCH },
	{ MAP("iter", run_iter, NULL), .per_call = BATCH },
	{ BPF("iter", run_iter_bpf, NULL), .per_call = BATCH },
	{ BPF_NOPREALLOC("iter", run_iter_bpf, NULL), .per_call = BATCH },
};

static const size_t sizes[] = { 1000, 100000 };

int main(void)
{
	size_t i;

	bench_skip("device-map", "bpf add and cas",
		   "bpf(2) has no command that does it");
	bench_skip("device-map", "bpf get_many",
		   "bpf(2) looks up no keys of the caller's choice in batches");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_keys(sizes[i]);
		bench_run("device-map", benches, ARRAY_SIZE(benches), sizes[i],
			  sizes[i] < OPS ? sizes[i] / BATCH * BATCH : OPS);
	}
	return 0;
}
