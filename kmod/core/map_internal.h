/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private parts of the maps: layout, ownership, locks, and the operations on
 * control words, keys and slots that all files share.
 *
 * Layout
 *
 *	gomap.dir -> gomap_dir {seed, shift} gomap_entry[1 << depth]
 *	                                       |  the top bits of the hash
 *	                                       v
 *	             passed[groups] gomap_table {lock, seq, slots} ctrl[groups]
 *	                                       |      8 control bytes a word
 *	                                       v
 *	             slot[8 * groups]: key, value
 *
 *	A group is a control word and the 8 slots of the same number. A table
 *	has 1 to 128 groups; the control words follow its header, and in front
 *	of it, where its place does not depend on their number, a byte for each
 *	group: see gomap_passed(). The slots are an allocation of their own:
 *	together they would be a little more than a power of two, which kmalloc
 *	would almost double. A directory entry has the table's address with the
 *	log2 of its groups in the low 3 bits, and that of its slots: a lookup in
 *	a map larger than the cache fetches header, control word and slots at
 *	the same time, where one after the other would be three cache misses.
 *
 *	A table covers the hashes that begin with the @depth top bits of its
 *	@prefix, and a run of 1 << (gomap_dir.depth - gomap_table.depth) entries
 *	of the directory refers to it. It never changes size: growing,
 *	splitting, halving and merging fill new tables, mark the old ones stale
 *	and publish the new ones in their place (gomap_replace()).
 *
 * Lifetime
 *	The directory holds one reference on each table, an iterator one on the
 *	table it walks. RCU frees a table after the last reference, so what was
 *	read under rcu_read_lock() may be used until the end of that section,
 *	stale or not. A stale table keeps the content it had when it was
 *	replaced; values outside the slots belong to its successor.
 *
 * Locks, in the order they are taken
 *	1. gomap_table.lock	irq-safe; the content of the table. Of two
 *				tables that of the lower prefix is first.
 *	2. gomap.lock		inside 1; which directory, its entries, the
 *				next one, the pool, and the counts of tables
 *				and slots. gomap.changes is a sequence count
 *				of what makes a loaded table, directory or
 *				seed outdated.
 *	Nothing is allocated under a lock: an operation that lacks memory says
 *	so in its gomap_spare, lets go, allocates, and tries again.
 *
 * Who may rely on what
 *	A table that is locked, not stale, and was found with the seed that the
 *	directory still has, is the one for its hash: see gomap_is_right().
 *	A reader needs none of this: see gomap_read_table().
 */

#ifndef _GOMAP_INTERNAL_H
#define _GOMAP_INTERNAL_H

#include <linux/gomap.h>
#include <linux/kernel.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/seqlock.h>
#include <linux/string.h>

#include "../compat.h"

/* Slots of a group: as many as a 64-bit control word has bytes. */
#define GOMAP_GROUP		8

/*
 * log2 of the groups of the largest table: 1024 slots bound how many entries one
 * insert moves, and 7 is what fits beside the pointer in a directory entry.
 */
#define GOMAP_MAX_SHIFT		7
#define GOMAP_SHIFT_MASK	7UL

/* Bits of the directory's index: 2^24 full tables are some 10^10 entries. */
#define GOMAP_MAX_DEPTH		24

/*
 * Up to this depth of the directory nothing is fetched in advance if slots are
 * small: 8 tables of 1024 slots of 16 bytes stay in the cache of a processor.
 */
#define GOMAP_NEAR_DEPTH	3

/*
 * Bytes of the slots of a full-size table, 1024 of 16 bytes: what one insert has
 * to allocate and to copy does not grow with the size of keys and values. But
 * tables have 64 slots or more: gomap_reserve() counts on hashes being spread over
 * the halves of a table. The largest slots take 17 KiB then.
 */
#define GOMAP_TABLE_BYTES	16384
#define GOMAP_MIN_MAX_SHIFT	3

/*
 * How much deeper than a table the directory may be, so that the entries which
 * refer to the table are not too many to be written with interrupts off: 1024, as
 * a slice of a directory has. With evenly spread hashes the depths of tables
 * differ by a few. gomap_lengthen_dir() has tables split that are too shallow;
 * shrinking makes none.
 */
#define GOMAP_RUN_DEPTH		10

/*
 * The deepest directory that a caller who may not block fills: 4096 entries of 64
 * KiB, which the page allocator may have in an interrupt.
 */
#define GOMAP_ATOMIC_DEPTH	12

/*
 * How much longer than the number of tables a directory may get, as a power
 * of two. With evenly spread hashes the deepest table is 2 or 3 splits deeper
 * than the average one, even if tables are tiny; 6 are never needed.
 */
#define GOMAP_DEPTH_SLACK	6

/*
 * Tables that a large map keeps in its pool: for two splits, since the second
 * may come before the pool is full again.
 */
#define GOMAP_POOL		4

/*
 * Tables that inserts put into the pool before a full-size table splits: as many
 * as that takes.
 */
#define GOMAP_STOCK		2

/*
 * A table that may fill fewer slots than this is dense: of a full-size one more
 * than 5/8 are taken, and so an eighth or more of its groups are full. One of a
 * quarter of that size or less always is: it is in the cache anyway, or, if its
 * slots are large, its passed bytes share a cache line with its header.
 */
#define GOMAP_DENSE		((GOMAP_GROUP << GOMAP_MAX_SHIFT) / 4)

/* Control bytes; a byte with bit 7 clear is a full slot and 7 hash bits. */
#define GOMAP_EMPTY		0x80
#define GOMAP_DELETED		0xfe
#define GOMAP_FULL		0x7f	/* mask of those 7 bits */

#define GOMAP_LSB		0x0101010101010101ULL
#define GOMAP_MSB		0x8080808080808080ULL
#define GOMAP_ALL_EMPTY		GOMAP_MSB

/**
 * struct gomap_table - a table
 * @seq: counts changes of @ctrl and the slots, for readers; written under @lock
 * @stale: replaced in the directory, its content is frozen; set under @lock
 * @shift: log2 of the number of groups; invariant
 * @depth: number of top hash bits that all keys share; invariant
 * @stocked: what inserts have put into the pool for its split; protected by @lock
 * @lock: protects the content and what is "protected by" it here
 * @used: entries; protected by @lock
 * @growth_left: how many empty slots may still be filled; protected by @lock
 * @slots: the slots, anything where there is no entry; the pointer is invariant
 * @prefix: first hash that the table covers; invariant
 * @refs: references: the directory's and the iterators'
 * @paid: in front of the table's memory is a struct gomap_paid; invariant
 * @rcu: frees the table
 * @next: links the tables of gomap.pool; protected by gomap.lock
 * @ctrl: control words; byte i, from the least significant, is for slot i
 */
struct gomap_table {
	seqcount_spinlock_t seq;
	bool stale;
	u8 shift;
	u8 depth;
	u8 stocked;
	spinlock_t lock;	/* protects what changes but @refs and the links */
	u16 used;
	u16 growth_left;
	void *slots;
	u64 prefix;
	refcount_t refs;
	bool paid;
	union {
		struct rcu_head rcu;
		struct gomap_table *next;
	};
	u64 ctrl[];
};

/**
 * struct gomap_paid - in front of memory that a payer is charged for
 * @payer: the payer
 * @bytes: what it is charged
 * @apart: memory that is freed with it: the slots of a table; or NULL
 * @rcu: frees it
 * @node: links what a work item is to free
 *
 * Its size is a multiple of 8 on 32-bit kernels too: a directory entry keeps the
 * size of a table in the low bits of the table's address.
 */
struct gomap_paid {
	struct gomap_payer *payer;
	size_t bytes;
	void *apart;
	union {
		struct rcu_head rcu;
		struct llist_node node;
	};
} __aligned(8);

/**
 * struct gomap_block - a value kept outside its slot, which points here
 * @rcu: frees it
 * @data: the value; never changes while a slot points here
 */
struct gomap_block {
	struct rcu_head rcu;
	u8 data[];
};

/**
 * struct gomap_key - a key on its way into the map
 * @data: its bytes
 * @len: their number
 * @hash: their hash
 */
struct gomap_key {
	const void *data;
	u32 len;
	u64 hash;
};

/**
 * struct gomap_spare - memory that an operation has got for a retry
 * @table: tables of 1 << @shift groups, or NULL
 * @nr: tables that are wanted
 * @shift: of which size
 * @depth: depth of the directory that is wanted, 0 if any will do
 * @no_pool: leave the pool alone, it is for inserts
 */
struct gomap_spare {
	struct gomap_table *table[2];
	u8 nr;
	u8 shift;
	u8 depth;
	bool no_pool;
};

/*
 * Control words.
 */

/*
 * Bytes equal to @h2, as set high bits. A byte next to one that is may be
 * reported, too, but never an empty or a deleted one: the keys decide.
 */
static inline u64 gomap_match_h2(u64 ctrl, u64 h2)
{
	u64 diff = ctrl ^ (GOMAP_LSB * h2);

	return (diff - GOMAP_LSB) & ~diff & GOMAP_MSB;
}

static inline u64 gomap_match_empty(u64 ctrl)
{
	return ctrl & ~(ctrl << 6) & GOMAP_MSB;
}

static inline u64 gomap_match_free(u64 ctrl)
{
	return ctrl & GOMAP_MSB;
}

static inline u64 gomap_match_full(u64 ctrl)
{
	return ~ctrl & GOMAP_MSB;
}

static inline u64 gomap_match_deleted(u64 ctrl)
{
	return gomap_match_free(ctrl) & ~gomap_match_empty(ctrl);
}

/* The lowest slot of a match that is not empty. */
static inline u32 gomap_first(u64 match)
{
	return __ffs64(match) / 8;
}

/*
 * Where that slot is in its group, if slots have @size bytes. The set bits of a
 * match are the highest ones of bytes: the seventh, the fifteenth, and so on.
 */
static __always_inline unsigned long gomap_first_offset(u64 match,
							unsigned long size)
{
	return size % 8 ? gomap_first(match) * size :
			  (__ffs64(match) - 7) * (size / 8);
}

/*
 * A control word with its first empty byte filled, which @empty says. That is
 * nothing but the high bit before.
 */
static inline u64 gomap_fill_first(u64 ctrl, u64 empty, u64 h2)
{
	return ctrl ^ (GOMAP_EMPTY | h2) << (__ffs64(empty) - 7);
}

static inline u8 gomap_ctrl_byte(const struct gomap_table *t, u32 slot)
{
	return READ_ONCE(t->ctrl[slot / GOMAP_GROUP]) >>
	       slot % GOMAP_GROUP * 8;
}

static inline void gomap_set_ctrl(struct gomap_table *t, u32 slot, u8 byte)
{
	u32 bit = slot % GOMAP_GROUP * 8;
	u64 *ctrl = &t->ctrl[slot / GOMAP_GROUP];

	WRITE_ONCE(*ctrl, (*ctrl & ~(0xffULL << bit)) | (u64)byte << bit);
}

static inline u64 gomap_h2(u64 hash)
{
	return hash & GOMAP_FULL;
}

/*
 * Which groups an entry's search has gone on behind. A search for an absent key
 * comes to a group without an empty slot in every fourth case if a table is three
 * quarters full, and need not go on if no entry of the same class has. The class
 * is three bits of the hash that no table of up to 128 groups uses; each group has
 * a bit for each class. Bits stay until the table is replaced, pruned or wiped:
 * where entries come and go, more searches go on than have to. A group with an
 * empty slot has none: what makes the first one empty clears the byte, too.
 *
 * The byte of the first group is the last one in front of the table, that of the
 * last group the first.
 */
static inline u8 *gomap_passed(const u64 *ctrl, unsigned long group)
{
	return (u8 *)ctrl - offsetof(struct gomap_table, ctrl) - 1 - group;
}

/*
 * Is it better to look at the passed byte first than at empty slots? That saves a
 * branch which nobody can predict if many groups are full, a third of the time of
 * a lookup, but costs a cache line. Either says only that a search ends.
 */
static inline bool gomap_is_dense(const struct gomap_table *t)
{
	return READ_ONCE(t->growth_left) < GOMAP_DENSE;
}

static inline u32 gomap_class(u64 hash)
{
	return hash >> (7 + GOMAP_MAX_SHIFT) & 7;
}

/*
 * The probe sequence: triangular steps visit each group once.
 *
 *	for (p = gomap_probe_start(hash); ...; gomap_probe_next(&p, mask))
 */
struct gomap_probe {
	u32 group;
	u32 step;
};

/* A long, as what is computed from it are addresses. */
static inline unsigned long gomap_first_group(u64 hash, unsigned long mask)
{
	return hash >> 7 & mask;
}

static inline struct gomap_probe gomap_probe_start(u64 hash, u32 mask)
{
	return (struct gomap_probe){ .group = gomap_first_group(hash, mask) };
}

static inline void gomap_probe_next(struct gomap_probe *p, u32 mask)
{
	p->step++;
	p->group = (p->group + p->step) & mask;
}

/*
 * Geometry.
 */

static inline u32 gomap_slots(u32 shift)
{
	return (u32)GOMAP_GROUP << shift;
}

static inline u32 gomap_table_slots(const struct gomap_table *t)
{
	return gomap_slots(t->shift);
}

static inline u32 gomap_mask(const struct gomap_table *t)
{
	return (1U << t->shift) - 1;
}

/* Bytes in front of a table, one a group; what follows them is aligned. */
static inline size_t gomap_passed_size(u32 shift)
{
	return ALIGN(1UL << shift, sizeof(u64));
}

static inline size_t gomap_table_size(u32 shift)
{
	return gomap_passed_size(shift) + sizeof(struct gomap_table) +
	       (sizeof(u64) << shift);
}

/*
 * How many entries a table takes before it has to grow. A single group can be
 * full: its probe ends after one step anyway.
 */
static inline u32 gomap_limit(u32 shift)
{
	return shift ? gomap_slots(shift) / 8 * 7 : GOMAP_GROUP;
}

/* Slots of deleted entries; none in a single group. */
static inline u32 gomap_tombstones(const struct gomap_table *t)
{
	return gomap_limit(t->shift) - t->used - t->growth_left;
}

/* log2 of the groups of a full-size table, for slots of @size bytes. */
static inline u32 gomap_full_shift(u32 size)
{
	u32 shift = GOMAP_MAX_SHIFT;

	while (shift > GOMAP_MIN_MAX_SHIFT &&
	       gomap_slots(shift) * size > GOMAP_TABLE_BYTES)
		shift--;
	return shift;
}

/* The smallest table that takes @entries, or one too large for the map. */
static inline u32 gomap_shift_for(size_t entries)
{
	u32 shift = 0;

	while (shift <= GOMAP_MAX_SHIFT && gomap_limit(shift) < entries)
		shift++;
	return shift;
}

/* The last hash that a table covers. */
static inline u64 gomap_table_last(const struct gomap_table *t)
{
	return t->prefix | (~0ULL >> 1 >> t->depth) << 1 | 1;
}

/*
 * Directories.
 */

static inline struct gomap_entry *gomap_entries(const struct gomap_dir *d)
{
	return (struct gomap_entry *)(d + 1);
}

/* Two shifts, since one by 64 is undefined. ~depth: 63 - depth, modulo 64. */
static inline size_t gomap_index(u64 hash, u32 depth)
{
	return hash >> 1 >> (~depth & 63);
}

static inline size_t gomap_dir_size(u32 depth)
{
	return sizeof(struct gomap_dir) + (sizeof(struct gomap_entry) << depth);
}

/* The word of an entry for @t. */
static inline unsigned long gomap_entry_word(const struct gomap_table *t)
{
	return (unsigned long)t | t->shift;
}

static inline struct gomap_table *gomap_word_table(unsigned long word)
{
	return (struct gomap_table *)(word & ~GOMAP_SHIFT_MASK);
}

static inline unsigned long gomap_word_mask(unsigned long word)
{
	return (1UL << (word & GOMAP_SHIFT_MASK)) - 1;
}

static inline void gomap_set_depth(struct gomap_dir *d, u32 depth)
{
	BUILD_BUG_ON_NOT_POWER_OF_2(sizeof(struct gomap_entry));

	d->depth = depth;
	d->shift = 64 - ilog2(sizeof(struct gomap_entry)) - depth;
}

/*
 * The entry of a hash. As gomap_index(), but with the size of an entry in the
 * shift: this is on the way of every lookup.
 */
static inline struct gomap_entry *gomap_dir_entry(const struct gomap_dir *d,
						  u64 hash)
{
	size_t offset = hash >> d->shift;

	offset &= -sizeof(struct gomap_entry);
	return (void *)gomap_entries(d) + offset;
}

/*
 * The word of an entry: which table, and how large. The load is the head of an
 * address dependency to the table; it pairs with the release in
 * gomap_publish(), or for what was copied from another directory with the one
 * in __gomap_switch_dir().
 */
static inline unsigned long gomap_word(const struct gomap_entry *entry)
{
	return READ_ONCE(entry->table);
}

static inline struct gomap_table *gomap_dir_table(const struct gomap_dir *d,
						  u64 hash)
{
	return gomap_word_table(gomap_word(gomap_dir_entry(d, hash)));
}

/* Is @t what the directory has for its hashes, and not cleared away? */
static inline bool gomap_current(const struct gomap_dir *d,
				 const struct gomap_table *t)
{
	return gomap_dir_table(d, t->prefix) == t;
}

/* Index of the entry behind those of @t, which may cover less than one. */
static inline size_t gomap_next_index(const struct gomap_dir *d,
				      const struct gomap_table *t)
{
	return gomap_index(gomap_table_last(t), d->depth) + 1;
}

/*
 * The table of entry *@i, which moves on behind it; NULL at the end, or if the
 * map has no table. Who does not hold gomap.lock may see one table after
 * another take the same place.
 */
static inline struct gomap_table *gomap_next_table(const struct gomap_dir *d,
						   size_t *i)
{
	struct gomap_table *t = NULL;

	if (*i < 1UL << d->depth)
		t = gomap_word_table(gomap_word(&gomap_entries(d)[*i]));
	if (t)
		*i = gomap_next_index(d, t);
	return t;
}

/*
 * The table at the hash *@pos, which moves on to the beginning of the next one, 0
 * behind the last one; NULL if there is none. In an RCU section, which may end
 * between two tables: then one that replaced several may come once more.
 */
static inline struct gomap_table *gomap_walk(const struct gomap *m, u64 *pos)
{
	struct gomap_table *t = gomap_dir_table(rcu_dereference(m->dir), *pos);

	*pos = t ? gomap_table_last(t) + 1 : 0;
	return t;
}

/*
 * Is the map to stay as large as it is? A reservation may be made at any time.
 * Its maker sets @reserved before taking the lock of a table to see how much
 * room that has, so who replaces a table has to ask under the table's lock, and
 * who replaces the directory under the map's; a shorter one that is being
 * filled then is given up, see gomap_set_reserved().
 */
static inline bool gomap_keeps_size(const struct gomap *m)
{
	return READ_ONCE(m->reserved) || READ_ONCE(m->dying);
}

/* map_dir.c: directories, and how one replaces another. */
struct gomap_dir *gomap_dir_alloc(const struct gomap *m, u32 depth, gfp_t gfp);
void gomap_dir_free(struct gomap *m, struct gomap_dir *d);
struct gomap_dir *__gomap_dir(const struct gomap *m);
void __gomap_draw_seed(struct gomap_dir *d);
void gomap_publish(struct gomap_dir *d, const struct gomap_table *t);
void __gomap_keep_depth(struct gomap *m);
void __gomap_publish(struct gomap *m, const struct gomap_table *t);
void __gomap_count(struct gomap *m, const struct gomap_table *t, int nr);
bool __gomap_depth_allowed(const struct gomap *m, u32 depth);
int gomap_lengthen_dir(struct gomap *m, u32 depth, gfp_t gfp);
int gomap_shorten_dir(struct gomap *m, gfp_t gfp);
u32 __gomap_early_depth(const struct gomap *m);

/* map_mem.c: memory, and its payer. */
void *gomap_mem_alloc(const struct gomap *m, size_t size, gfp_t gfp);
void *gomap_mem_alloc_two(const struct gomap *m, size_t size, void **apart,
			  size_t apart_size, gfp_t gfp);
void gomap_mem_free(const struct gomap *m, void *mem);
size_t gomap_mem_bytes(const struct gomap *m, size_t size);
size_t gomap_mem_bytes_apart(const struct gomap *m, size_t size);
void gomap_paid_free(void *mem);
void gomap_paid_free_rcu(void *mem);

/* map_table.c: tables, and how one replaces another. */
struct gomap_table *gomap_table_alloc(const struct gomap *m, u32 shift,
				      gfp_t gfp);
size_t gomap_table_bytes(const struct gomap *m, u32 shift);
void gomap_table_free(struct gomap_table *t);
void gomap_table_put(struct gomap_table *t);
void gomap_table_wipe(struct gomap_table *t);
void gomap_move(const struct gomap *m, const struct gomap_table *from,
		struct gomap_table *const to[2]);
bool gomap_replace(struct gomap *m, struct gomap_table *const old[2],
		   struct gomap_table *const new[2]);
int gomap_first_table(struct gomap *m, u32 shift, struct gomap_spare *sp);
int gomap_spare_fill(struct gomap *m, struct gomap_spare *sp, gfp_t gfp);
bool gomap_spare_ready(struct gomap *m, struct gomap_spare *sp);
void gomap_spare_free(struct gomap *m, struct gomap_spare *sp, gfp_t gfp);
bool __gomap_is_large(const struct gomap *m);
bool gomap_pool_give(struct gomap *m, struct gomap_table *t, bool stock,
		     gfp_t gfp);
bool __gomap_pool_is_short(const struct gomap *m);
struct gomap_table *gomap_pool_take(struct gomap *m);
struct gomap_table *__gomap_pool_empty(struct gomap *m);
void gomap_pool_free(struct gomap_table *t, gfp_t gfp);

/* map_grow.c: growth, pruning, preallocation. */
void gomap_grow_work(struct work_struct *work);
void gomap_grow_kick(struct gomap *m);
void gomap_stock(struct gomap *m, gfp_t gfp);
bool gomap_prune(const struct gomap *m, struct gomap_table *t);
int gomap_grow(struct gomap *m, struct gomap_table *t, struct gomap_spare *sp);
int gomap_rebuild(struct gomap *m, struct gomap_table *t, u32 shift,
		  struct gomap_spare *sp);
int gomap_spread(struct gomap *m, u32 depth, gfp_t gfp);
int gomap_setup(struct gomap *m, size_t hint, gfp_t gfp);
void gomap_undo_setup(struct gomap *m, gfp_t gfp);

/* map_shrink.c: giving memory back. */

/* Would an eighth of the slots do for @used entries? */
static inline bool gomap_is_sparse(const struct gomap *m, size_t used)
{
	return used < READ_ONCE(m->slots) / 8;
}

void gomap_shrink_work(struct work_struct *work);
void gomap_shrink_kick(struct gomap *m, size_t used);

/* map_read.c */
u64 gomap_hash_bytes(const void *data, u32 len, u64 seed);
u64 gomap_siphash(const void *data, u32 len, u64 seed0, u64 seed1);
bool gomap_equal(const struct gomap *m, const struct gomap_table *t,
		 const void *slot, const struct gomap_key *k,
		 const unsigned int *seq);
bool gomap_get_slot(const struct gomap *m, const struct gomap_key *k,
		    void *slot);

/*
 * For tests. The small geometry makes splits common; the check returns NULL or
 * what is wrong with a map that nobody else uses meanwhile.
 */
#if IS_ENABLED(CONFIG_KUNIT) || defined(GOMAP_DEBUG)
#define GOMAP_TESTED
int gomap_init_small(struct gomap *m, const struct gomap_params *p,
		     u32 max_slots, size_t hint, gfp_t gfp);
const char *gomap_check(const struct gomap *m);
#endif

#endif /* _GOMAP_INTERNAL_H */
