/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gochan_flows: packets, which a monitor would get from a network device, and
 * records of what flows were.
 */

#ifndef _GOCHAN_FLOWS_H
#define _GOCHAN_FLOWS_H

#include <linux/goslice.h>
#include <linux/in.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/types.h>

/* All bytes of a key count: there must be no padding. */
struct flow_key {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	u8 proto;
	u8 zero[3];
};

struct packet {
	struct flow_key key;
	u32 len;
	ktime_t time;
};

/* A product of random numbers: few flows have most packets, as in life. */
static inline void packet_make(struct packet *p, struct rnd_state *rnd,
			       unsigned int nr_flows)
{
	u32 n = nr_flows;
	int i;

	for (i = 0; i < 3; i++)
		n = 1 + reciprocal_scale(prandom_u32_state(rnd), n);
	*p = (struct packet){
		.key = {
			.saddr = htonl(0x0a000000 | n % 256),
			.daddr = htonl(0xc0000200 | n % 16),
			.sport = htons(n - 1),
			.dport = htons(n % 4 ? 443 : 53),
			.proto = n % 4 ? IPPROTO_TCP : IPPROTO_UDP,
		},
		.len = 64 + reciprocal_scale(prandom_u32_state(rnd), 1437),
		.time = ktime_get(),
	};
}

struct flow_count {
	u64 packets;
	u64 bytes;
	ktime_t first;
	ktime_t last;
};

struct flow_record {
	struct flow_key key;
	struct flow_count count;
};

DEFINE_GOSLICE(record, struct flow_record);

static inline int records_by_key(const void *a, const void *b)
{
	const struct flow_record *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static inline int records_by_packets(const void *a, const void *b)
{
	const struct flow_record *x = a, *y = b;

	if (x->count.packets != y->count.packets)
		return x->count.packets < y->count.packets ? 1 : -1;
	return records_by_key(a, b);
}

static inline void records_sort(struct record_slice *s, cmp_func_t cmp)
{
	sort(s->array, goslice_len(s), sizeof(*s->array), cmp, NULL);
}

/* One record for each flow, also for those that expired and came again. */
static inline void records_merge(struct record_slice *s)
{
	struct flow_record *r = s->array;
	size_t i, n = 0;

	records_sort(s, records_by_key);
	for (i = 0; i < goslice_len(s); i++) {
		if (!n || records_by_key(&r[n - 1], &r[i])) {
			r[n++] = r[i];
			continue;
		}
		r[n - 1].count.packets += r[i].count.packets;
		r[n - 1].count.bytes += r[i].count.bytes;
	}
	WARN_ON_ONCE(goslice_delete(s, n, goslice_len(s)));
}

#endif /* _GOCHAN_FLOWS_H */
