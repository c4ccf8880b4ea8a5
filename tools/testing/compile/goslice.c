// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices with the wrong types. With none of the cases this file compiles; with
 * any one of them it must not, and the message must have the text after it.
 * scripts/compile-fail.sh finds the cases by their first line.
 */

#include <linux/goslice.h>

DEFINE_GOSLICE(wide, u64);
DEFINE_GOSLICE(narrow, u32);
DEFINE_GOSLICE(pointer, const char *);

struct compile_pair {
	u64 a;
	u64 b;
};

DEFINE_GOSLICE(pair, struct compile_pair);

static int __used compile_goslice(struct wide_slice *wide,
				  struct narrow_slice *narrow,
				  struct pointer_slice *pointer,
				  struct pair_slice *pair)
{
	struct compile_pair both = { };
	const char *text = "";
	u64 *p, w = 0;
	u32 *q, n = 0;
	int err = 0;

#ifdef CASE_VALUE_TOO_WIDE /* value of another type */
	err |= goslice_append(narrow, w, GFP_KERNEL);
#endif
#ifdef CASE_VALUE_TOO_NARROW /* value of another type */
	err |= goslice_append(wide, n, GFP_KERNEL);
#endif
#ifdef CASE_CONSTANT_TOO_WIDE /* changes value */
	err |= goslice_append(narrow, 1ULL << 40, GFP_KERNEL);
#endif
#ifdef CASE_POINTER_FOR_A_NUMBER /* value of another type */
	err |= goslice_append(wide, p, GFP_KERNEL);
#endif
#ifdef CASE_NUMBER_FOR_A_POINTER /* value of another type */
	err |= goslice_append(pointer, w, GFP_KERNEL);
#endif
#ifdef CASE_STRUCT_FOR_A_NUMBER /* incompatible types when initializing */
	err |= goslice_append(wide, both, GFP_KERNEL);
#endif
#ifdef CASE_NUMBER_FOR_A_STRUCT /* invalid initializer */
	err |= goslice_insert(pair, 0, w, GFP_KERNEL);
#endif
#ifdef CASE_INSERT_TOO_WIDE /* value of another type */
	err |= goslice_insert(narrow, 0, w, GFP_KERNEL);
#endif
#ifdef CASE_ARRAY /* elements of another type */
	err |= goslice_append_many(wide, &n, 1, GFP_KERNEL);
#endif
#ifdef CASE_INSERT_ARRAY /* elements of another type */
	err |= goslice_insert_many(narrow, 0, &w, 1, GFP_KERNEL);
#endif
#ifdef CASE_REPLACE_ARRAY /* elements of another type */
	err |= goslice_replace(wide, 0, 0, &n, 1, GFP_KERNEL);
#endif
#ifdef CASE_APPEND_SLICE /* elements of another type */
	err |= goslice_append_slice(wide, narrow, GFP_KERNEL);
#endif
#ifdef CASE_COPY /* elements of another type */
	err |= goslice_copy(wide, narrow);
#endif
#ifdef CASE_SLICE /* elements of another type */
	err |= goslice_slice(wide, narrow, 0, 0);
#endif
#ifdef CASE_SLICE3 /* elements of another type */
	err |= goslice_slice3(wide, pair, 0, 0, 0);
#endif
#ifdef CASE_SHARE /* elements of another type */
	goslice_share(narrow, wide);
#endif
#ifdef CASE_CLONE /* elements of another type */
	err |= goslice_clone(pointer, wide, GFP_KERNEL);
#endif
#ifdef CASE_CONCAT /* elements of another type */
	err |= goslice_concat(narrow, &wide, 1, GFP_KERNEL);
#endif
#ifdef CASE_FOR_EACH /* incompatible pointer type */
	goslice_for_each(q, wide)
		n += *q;
#endif
#ifdef CASE_AT /* incompatible pointer type */
	q = goslice_at(wide, 0);
#endif
#ifdef CASE_RAW /* incompatible pointer type */
	goslice_raw_put(wide);
#endif
#ifdef CASE_IGNORED_REPLACE /* ignoring return value */
	goslice_replace(wide, 0, 0, &w, 1, GFP_KERNEL);
#endif
#ifdef CASE_IGNORED_ERROR /* ignoring return value */
	goslice_append_slice(wide, wide, GFP_KERNEL);
#endif

	/* What must compile. */
	err |= goslice_append(wide, 1, GFP_KERNEL);
	err |= goslice_append(wide, w, GFP_KERNEL);
	err |= goslice_append(narrow, n, GFP_KERNEL);
	err |= goslice_append(pointer, text, GFP_KERNEL);
	err |= goslice_append(pair, both, GFP_KERNEL);
	err |= goslice_append_slice(wide, wide, GFP_KERNEL);
	err |= goslice_replace(wide, 0, 0, &w, 1, GFP_KERNEL);
	goslice_for_each(p, wide)
		w += *p;
	q = goslice_at(narrow, 0);
	return err + !!q + (int)w;
}
