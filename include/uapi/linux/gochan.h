/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * gochan: channels and maps as file descriptors, made by /dev/gochan.
 *
 * Every structure begins with its own size in bytes, filled in by the caller.
 * It is how the interface grows: a kernel that knows more fields takes the
 * missing ones as zero, one that knows fewer refuses those that are not zero
 * (E2BIG). Unknown flags and non-zero padding are refused with EINVAL.
 * Pointers travel as __u64, so that 32-bit and 64-bit callers share one layout.
 *
 * Documentation/userspace-api/gochan.rst describes each command.
 */

#ifndef _UAPI_LINUX_GOCHAN_H
#define _UAPI_LINUX_GOCHAN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Largest element, and so the largest message, in bytes. */
#define GOCHAN_MAX_ELEM_SIZE	65536

/* Largest ring of one channel in bytes, bookkeeping of messages included. */
#define GOCHAN_MAX_RING_SIZE	(1U << 30)

/* A deadline that never comes: wait until the message moves. */
#define GOCHAN_NO_DEADLINE	(~(__u64)0)

/*
 * Flags of GOCHAN_IOC_CHAN_CREATE, reported again by GOCHAN_IOC_INFO.
 *
 * VARLEN: the element size is a maximum and each message keeps its own length.
 * AUTOCLOSE: the channel closes when the last descriptor that may send has
 * gone, or the last one that may receive.
 */
#define GOCHAN_CHAN_VARLEN	(1U << 0)
#define GOCHAN_CHAN_AUTOCLOSE	(1U << 1)

/**
 * struct gochan_chan_create - argument of GOCHAN_IOC_CHAN_CREATE
 * @size: sizeof(struct gochan_chan_create)
 * @flags: GOCHAN_CHAN_* flags
 * @elem_size: bytes per message, 0 to GOCHAN_MAX_ELEM_SIZE
 * @capacity: messages the channel buffers; 0 makes senders and receivers meet
 *
 * The ioctl returns the new file descriptor, close-on-exec.
 */
struct gochan_chan_create {
	__u32 size;
	__u32 flags;
	__u32 elem_size;
	__u32 capacity;
};

/*
 * Flags of GOCHAN_IOC_SEND, GOCHAN_IOC_RECV, GOCHAN_IOC_SEND_MANY and
 * GOCHAN_IOC_RECV_MANY.
 *
 * NONBLOCK: fail with EAGAIN instead of sleeping, whatever O_NONBLOCK says.
 * REALTIME: the deadline is CLOCK_REALTIME instead of CLOCK_MONOTONIC.
 * PEEK: GOCHAN_IOC_RECV only; leave the message in the channel. Only what is
 * buffered is seen, and the call never sleeps.
 */
#define GOCHAN_MSG_NONBLOCK	(1U << 0)
#define GOCHAN_MSG_REALTIME	(1U << 1)
#define GOCHAN_MSG_PEEK		(1U << 2)

/**
 * struct gochan_msg - argument of GOCHAN_IOC_SEND and GOCHAN_IOC_RECV
 * @size: sizeof(struct gochan_msg)
 * @flags: GOCHAN_MSG_* flags
 * @buf: address of the bytes to send, or of room for those received
 * @len: in: bytes at @buf; a receive needs room for a whole element, or 0 at
 *	address 0 to discard the message. Out, receive only: its length
 * @ok: send: 0. Receive, out: 1 with a message, 0 once the channel is closed
 *	and drained; then @buf gets an element of zeroes, or with
 *	GOCHAN_CHAN_VARLEN nothing and @len is 0
 * @deadline: absolute time in nanoseconds, or GOCHAN_NO_DEADLINE. 0 is a time
 *	long past: the call then never sleeps, and fails with ETIMEDOUT
 */
struct gochan_msg {
	__u32 size;
	__u32 flags;
	__u64 buf;
	__u32 len;
	__u32 ok;
	__u64 deadline;
};

/**
 * struct gochan_msg_batch - argument of GOCHAN_IOC_SEND_MANY and
 *	GOCHAN_IOC_RECV_MANY
 * @size: sizeof(struct gochan_msg_batch)
 * @flags: GOCHAN_MSG_NONBLOCK, GOCHAN_MSG_REALTIME
 * @buf: address of @count messages to send, or of room for those received, one
 *	every @elem_size bytes. Receive: 0 if they are not wanted
 * @lens: with GOCHAN_CHAN_VARLEN, address of @count lengths of messages, __u32
 *	each, or of room for them; otherwise, and if @buf is 0, 0
 * @elem_size: the channel's element size; receive: 0 if @buf is 0
 * @count: the most messages to move; receive: at least 1
 * @done: out, after an error, too: how many messages have moved
 * @ok: send: 0. Receive, out: 1 with messages, 0 once the channel is closed and
 *	drained
 * @deadline: as in struct gochan_msg
 *
 * The ioctl returns the number of messages. It waits for the first only.
 */
struct gochan_msg_batch {
	__u32 size;
	__u32 flags;
	__u64 buf;
	__u64 lens;
	__u32 elem_size;
	__u32 count;
	__u32 done;
	__u32 ok;
	__u64 deadline;
};

/* What a descriptor of a channel may do, besides GOCHAN_IOC_INFO. */
#define GOCHAN_RIGHT_SEND	(1U << 0)
#define GOCHAN_RIGHT_RECV	(1U << 1)

/**
 * struct gochan_restrict - argument of GOCHAN_IOC_RESTRICT
 * @size: sizeof(struct gochan_restrict)
 * @flags: 0
 * @rights: GOCHAN_RIGHT_* of the new descriptor, at least one, and none that
 *	this one has not
 * @pad: 0
 *
 * The ioctl returns the new file descriptor, close-on-exec.
 */
struct gochan_restrict {
	__u32 size;
	__u32 flags;
	__u32 rights;
	__u32 pad;
};

/* What a case of GOCHAN_IOC_SELECT does. */
#define GOCHAN_CASE_SEND	1U
#define GOCHAN_CASE_RECV	2U
#define GOCHAN_CASE_POLL	3U

/**
 * struct gochan_select_case - one of the operations GOCHAN_IOC_SELECT may do
 * @op: GOCHAN_CASE_SEND or GOCHAN_CASE_RECV, on a channel; GOCHAN_CASE_POLL, on
 *	any other file that poll(2) waits for
 * @fd: its descriptor; -1 for a case that is never ready
 * @buf: send: address of the message. Receive: room for an element, or 0 if the
 *	message is not wanted. Poll: 0
 * @len: send: length of the message. Receive: bytes of room, 0 if @buf is; out,
 *	if chosen: length of the message. Poll: 0
 * @events: poll: those waited for, EPOLLIN and so on; EPOLLERR and EPOLLHUP
 *	always count. Out, if chosen: those that are there. Otherwise 0
 * @ok: receive, out, if chosen: 1 with a message, 0 at the end of a closed
 *	channel, where an element's room is zeroed, unless it is of variable
 *	length. Otherwise 0
 * @pad: 0
 */
struct gochan_select_case {
	__u32 op;
	__s32 fd;
	__u64 buf;
	__u32 len;
	__u32 events;
	__u32 ok;
	__u32 pad;
};

/*
 * Flags of GOCHAN_IOC_SELECT.
 *
 * NONBLOCK: the default case: fail with EAGAIN if no case is ready.
 * REALTIME: the deadline is CLOCK_REALTIME instead of CLOCK_MONOTONIC.
 * FIRST: of several cases that are ready, choose the first instead of any.
 */
#define GOCHAN_SELECT_NONBLOCK	(1U << 0)
#define GOCHAN_SELECT_REALTIME	(1U << 1)
#define GOCHAN_SELECT_FIRST	(1U << 2)

/* The most cases of a select. */
#define GOCHAN_SELECT_MAX	64U

/* struct gochan_select.index if no case was chosen. */
#define GOCHAN_NO_CASE		(~0U)

/**
 * struct gochan_select - argument of GOCHAN_IOC_SELECT
 * @size: sizeof(struct gochan_select)
 * @flags: GOCHAN_SELECT_*
 * @cases: address of @nr cases, one every @case_size bytes
 * @nr: their number, at most GOCHAN_SELECT_MAX
 * @case_size: sizeof(struct gochan_select_case)
 * @index: out, after an error, too: the case that was chosen, or is to blame
 *	for the error; GOCHAN_NO_CASE if it is none's
 * @pad: 0
 * @deadline: as in struct gochan_msg
 *
 * The ioctl carries out exactly one of the cases and returns its index.
 */
struct gochan_select {
	__u32 size;
	__u32 flags;
	__u64 cases;
	__u32 nr;
	__u32 case_size;
	__u32 index;
	__u32 pad;
	__u64 deadline;
};

/**
 * struct gochan_info - argument of GOCHAN_IOC_INFO
 * @size: sizeof(struct gochan_info)
 * @flags: in: 0. Out: the GOCHAN_CHAN_* flags of the channel
 * @elem_size: out: bytes per message
 * @capacity: out: messages the channel can buffer
 * @length: out: messages buffered now
 * @closed: out: 1 once the channel is closed
 * @senders: out: senders asleep on the channel
 * @receivers: out: receivers asleep on the channel
 *
 * All numbers are of one instant.
 */
struct gochan_info {
	__u32 size;
	__u32 flags;
	__u32 elem_size;
	__u32 capacity;
	__u32 length;
	__u32 closed;
	__u32 senders;
	__u32 receivers;
};

/* Longest key and longest value of a map, in bytes. */
#define GOCHAN_MAX_KEY_SIZE	128
#define GOCHAN_MAX_VALUE_SIZE	65536

/*
 * Flags of GOCHAN_IOC_MAP_CREATE, reported again by GOCHAN_IOC_MAP_INFO.
 *
 * VARLEN: the key size is a maximum and each key has its own length.
 */
#define GOCHAN_MAP_VARLEN	(1U << 0)

/**
 * struct gochan_map_create - argument of GOCHAN_IOC_MAP_CREATE
 * @size: sizeof(struct gochan_map_create)
 * @flags: GOCHAN_MAP_VARLEN or 0
 * @key_size: bytes of a key, 1 to GOCHAN_MAX_KEY_SIZE
 * @value_size: bytes of a value, 0 to GOCHAN_MAX_VALUE_SIZE
 * @hint: entries to be expected, for which memory is taken at once; or 0
 * @max_entries: no more entries than this; 0 for no limit
 *
 * The ioctl returns the new file descriptor, close-on-exec.
 */
struct gochan_map_create {
	__u32 size;
	__u32 flags;
	__u32 key_size;
	__u32 value_size;
	__u64 hint;
	__u64 max_entries;
};

/*
 * Flags of GOCHAN_IOC_MAP_PUT and GOCHAN_IOC_MAP_PUT_MANY, at most one of them,
 * and of GOCHAN_IOC_MAP_ADD.
 *
 * PUT_NEW: only insert; fail with EEXIST if the key is in the map.
 * PUT_EXISTING: only overwrite; fail with ENOENT if it is not.
 * ADD_CREATE: a key that is not in the map is inserted, its counter begins at
 * 0. Without the flag, the command fails with ENOENT.
 */
#define GOCHAN_MAP_PUT_NEW	(1U << 0)
#define GOCHAN_MAP_PUT_EXISTING	(1U << 1)
#define GOCHAN_MAP_ADD_CREATE	(1U << 2)

/**
 * struct gochan_map_entry - argument of GOCHAN_IOC_MAP_GET, GOCHAN_IOC_MAP_PUT,
 *	GOCHAN_IOC_MAP_DELETE and GOCHAN_IOC_MAP_TAKE
 * @size: sizeof(struct gochan_map_entry)
 * @flags: put: GOCHAN_MAP_PUT_* flags. The others: 0
 * @key: address of the key
 * @value: put: address of the value. Get, take: address of room for it, or 0
 *	if it is not wanted. Delete: 0
 * @key_len: bytes at @key: the map's key size, or with GOCHAN_MAP_VARLEN any
 *	number up to it
 * @value_len: bytes at @value: the map's value size, or 0 if @value is 0
 */
struct gochan_map_entry {
	__u32 size;
	__u32 flags;
	__u64 key;
	__u64 value;
	__u32 key_len;
	__u32 value_len;
};

/**
 * struct gochan_map_cas - argument of GOCHAN_IOC_MAP_CAS
 * @size: sizeof(struct gochan_map_cas)
 * @flags: 0
 * @key: address of the key
 * @expected: address of the value that is to be replaced; if there is another
 *	one, it is stored here and the command fails with EEXIST
 * @value: address of the value that replaces it
 * @key_len: bytes at @key, as for struct gochan_map_entry
 * @value_len: bytes at @expected, and at @value: the map's value size
 */
struct gochan_map_cas {
	__u32 size;
	__u32 flags;
	__u64 key;
	__u64 expected;
	__u64 value;
	__u32 key_len;
	__u32 value_len;
};

/**
 * struct gochan_map_add - argument of GOCHAN_IOC_MAP_ADD
 * @size: sizeof(struct gochan_map_add)
 * @flags: GOCHAN_MAP_ADD_CREATE or 0
 * @key: address of the key
 * @delta: what is added to the value, a __u32 or __u64 in native byte order;
 *	it wraps around
 * @sum: out: the new value
 * @key_len: bytes at @key, as for struct gochan_map_entry
 * @pad: 0
 */
struct gochan_map_add {
	__u32 size;
	__u32 flags;
	__u64 key;
	__u64 delta;
	__u64 sum;
	__u32 key_len;
	__u32 pad;
};

/**
 * struct gochan_map_batch - argument of GOCHAN_IOC_MAP_GET_MANY,
 *	GOCHAN_IOC_MAP_PUT_MANY and GOCHAN_IOC_MAP_DELETE_MANY
 * @size: sizeof(struct gochan_map_batch)
 * @flags: put: GOCHAN_MAP_PUT_* flags. The others: 0
 * @keys: address of @count keys, one every @key_size bytes
 * @key_lens: with GOCHAN_MAP_VARLEN, address of @count lengths of keys, __u32
 *	each; otherwise 0
 * @values: put: address of @count values. Get: address of room for them, or 0
 *	if they are not wanted; the value of a key that is not in the map is
 *	zeroed. Delete: 0
 * @found: get, delete: address of room for @count bytes, set to 1 for a key
 *	that was in the map and to 0 for one that was not; or 0: then the
 *	command stops with ENOENT at one that was not. Put: 0
 * @key_size: the map's key size
 * @value_size: the map's value size, or 0 if @values is 0
 * @count: number of keys
 * @done: out, after an error, too: how many of them, from the first one on,
 *	have been dealt with
 */
struct gochan_map_batch {
	__u32 size;
	__u32 flags;
	__u64 keys;
	__u64 key_lens;
	__u64 values;
	__u64 found;
	__u32 key_size;
	__u32 value_size;
	__u32 count;
	__u32 done;
};

/**
 * struct gochan_map_iter - argument of GOCHAN_IOC_MAP_ITER
 * @size: sizeof(struct gochan_map_iter)
 * @flags: 0
 * @keys: address of room for @count keys, one every @key_size bytes
 * @key_lens: with GOCHAN_MAP_VARLEN, address of room for @count lengths of
 *	keys, __u32 each; otherwise 0
 * @values: address of room for @count values, or 0 if they are not wanted
 * @key_size: the map's key size
 * @value_size: the map's value size, or 0 if @values is 0
 * @count: number of entries wanted, at least 1
 * @done: out, after an error, too: number of entries stored; 0 without an
 *	error at the end
 * @cursor: in: zeroes to begin, then what the call before has left here. Out,
 *	after an error, too: where to go on
 */
struct gochan_map_iter {
	__u32 size;
	__u32 flags;
	__u64 keys;
	__u64 key_lens;
	__u64 values;
	__u32 key_size;
	__u32 value_size;
	__u32 count;
	__u32 done;
	__u64 cursor[2];
};

/**
 * struct gochan_map_info - argument of GOCHAN_IOC_MAP_INFO
 * @size: sizeof(struct gochan_map_info)
 * @flags: in: 0. Out: the GOCHAN_MAP_* flags of the map
 * @key_size: out: bytes of a key, or of the longest
 * @value_size: out: bytes of a value
 * @entries: out: entries
 * @max_entries: out: how many there may be, 0 for no limit
 * @slots: out: slots of all tables
 * @tables: out: tables
 * @tombstones: out: slots of deleted entries that wait for being cleaned up
 * @bytes: out: memory that the map takes
 * @charged: out: memory that it is charged for, the same
 *
 * While others change the map, the numbers are not of one instant.
 */
struct gochan_map_info {
	__u32 size;
	__u32 flags;
	__u32 key_size;
	__u32 value_size;
	__u64 entries;
	__u64 max_entries;
	__u64 slots;
	__u64 tables;
	__u64 tombstones;
	__u64 bytes;
	__u64 charged;
};

/*
 * The numbers carry no argument size: the structures do. GOCHAN_IOC_CLOSE and
 * GOCHAN_IOC_MAP_CLEAR take no structure; their argument is 0.
 */
#define GOCHAN_IOC_MAGIC	0xBD

/* On the device. */
#define GOCHAN_IOC_CHAN_CREATE	_IO(GOCHAN_IOC_MAGIC, 0x00)
#define GOCHAN_IOC_MAP_CREATE	_IO(GOCHAN_IOC_MAGIC, 0x01)
#define GOCHAN_IOC_SELECT	_IO(GOCHAN_IOC_MAGIC, 0x02)

/* On a channel. */
#define GOCHAN_IOC_SEND		_IO(GOCHAN_IOC_MAGIC, 0x10)
#define GOCHAN_IOC_RECV		_IO(GOCHAN_IOC_MAGIC, 0x11)
#define GOCHAN_IOC_CLOSE	_IO(GOCHAN_IOC_MAGIC, 0x12)
#define GOCHAN_IOC_INFO		_IO(GOCHAN_IOC_MAGIC, 0x13)
#define GOCHAN_IOC_SEND_MANY	_IO(GOCHAN_IOC_MAGIC, 0x14)
#define GOCHAN_IOC_RECV_MANY	_IO(GOCHAN_IOC_MAGIC, 0x15)
#define GOCHAN_IOC_RESTRICT	_IO(GOCHAN_IOC_MAGIC, 0x16)

/* On a map. */
#define GOCHAN_IOC_MAP_GET	_IO(GOCHAN_IOC_MAGIC, 0x20)
#define GOCHAN_IOC_MAP_PUT	_IO(GOCHAN_IOC_MAGIC, 0x21)
#define GOCHAN_IOC_MAP_DELETE	_IO(GOCHAN_IOC_MAGIC, 0x22)
#define GOCHAN_IOC_MAP_TAKE	_IO(GOCHAN_IOC_MAGIC, 0x23)
#define GOCHAN_IOC_MAP_CAS	_IO(GOCHAN_IOC_MAGIC, 0x24)
#define GOCHAN_IOC_MAP_ADD	_IO(GOCHAN_IOC_MAGIC, 0x25)
#define GOCHAN_IOC_MAP_GET_MANY	_IO(GOCHAN_IOC_MAGIC, 0x26)
#define GOCHAN_IOC_MAP_PUT_MANY	_IO(GOCHAN_IOC_MAGIC, 0x27)
#define GOCHAN_IOC_MAP_DELETE_MANY _IO(GOCHAN_IOC_MAGIC, 0x28)
#define GOCHAN_IOC_MAP_ITER	_IO(GOCHAN_IOC_MAGIC, 0x29)
#define GOCHAN_IOC_MAP_CLEAR	_IO(GOCHAN_IOC_MAGIC, 0x2a)
#define GOCHAN_IOC_MAP_INFO	_IO(GOCHAN_IOC_MAGIC, 0x2b)

#endif /* _UAPI_LINUX_GOCHAN_H */
