/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a boot starts, and in which order. */
#include "checks/units.h"

#include <stdlib.h>

#define BOOT_UNITS_MAX 4000u

const char *units_default_target(const struct machine *machine)
{
	const struct unit *unit = unit_load(machine, "default.target");

	return unit && !unit->is_masked ? unit->name : NULL;
}

const char *units_dead_end(const char *target)
{
	static const struct {
		const char *name, *does;
	} dead_ends[] = {
		{ "rescue.target",
		  "asks for root's password on the console and starts no service" },
		{ "runlevel1.target",
		  "asks for root's password on the console and starts no service" },
		{ "emergency.target",
		  "asks for root's password on the console and starts nothing" },
		{ "poweroff.target", "powers the instance off" },
		{ "runlevel0.target", "powers the instance off" },
		{ "halt.target", "halts the instance" },
		{ "reboot.target", "boots again and again" },
		{ "runlevel6.target", "boots again and again" },
		{ "soft-reboot.target", "boots again and again" },
		{ "kexec.target", "boots again and again" },
		{ "shutdown.target", "stops every service" },
		{ "final.target", "stops every service" },
		{ "umount.target", "unmounts every file system" },
		{ "exit.target", "stops the manager" },
		{ "suspend.target", "suspends the instance" },
		{ "sleep.target", "suspends the instance" },
		{ "hibernate.target", "suspends the instance" },
		{ "hybrid-sleep.target", "suspends the instance" },
		{ "initrd.target", "is for an initramfs alone" },
		{ "initrd-switch-root.target", "is for an initramfs alone" },
	};

	for (size_t i = 0; i < ARRAY_LEN(dead_ends); i++)
		if (str_eq(dead_ends[i].name, target))
			return dead_ends[i].does;
	return NULL;
}

static bool is_of_type(const char *name, const char *type)
{
	const char *dot = strrchr(name, '.');

	return dot && str_eq(dot + 1, type);
}

static void add_unit(const struct machine *machine, struct boot_units *units, const char *name,
		     size_t by, bool is_required)
{
	const struct unit *unit;

	if (units->count == BOOT_UNITS_MAX || strchr(name, '%'))
		return;
	unit = unit_load(machine, name);
	if (unit && unit->is_masked)
		return;
	if (unit)
		name = unit->name;
	if (!boot_unit_find(units, name))
		vec_push(units, ((struct boot_unit){ mem_strdup(name), unit, by, is_required }));
}

static void add_listed(const struct machine *machine, struct boot_units *units, size_t by)
{
	static const struct {
		const char *key;
		bool is_required;
	} keys[] = {
		{ "Requires", true }, { "BindsTo", true }, { "Wants", false }, { "Upholds", false }
	};
	const struct unit *unit = units->items[by].unit;

	for (size_t i = 0; unit && i < ARRAY_LEN(keys); i++) {
		cleanup(tree_names_done) struct tree_names words;

		unit_words(unit, "Unit", keys[i].key, &words);
		vec_foreach (word, &words)
			add_unit(machine, units, *word, by, keys[i].is_required);
	}
}

/* default.target.wants and such: links that `systemctl enable` and packages make. */
static void add_linked(const struct machine *machine, struct boot_units *units, const char *name,
		       size_t by)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/run/systemd/system",
					    "/usr/local/lib/systemd/system",
					    "/usr/lib/systemd/system", "/lib/systemd/system" };
	static const char *const kinds[] = { "requires", "wants" };

	for (size_t i = 0; i < ARRAY_LEN(dirs) * ARRAY_LEN(kinds); i++) {
		const char *kind = kinds[i % ARRAY_LEN(kinds)];
		const char *top = dirs[i / ARRAY_LEN(kinds)];
		cleanup(free) char *base = mem_printf("%s.%s", name, kind);
		cleanup(free) char *dir = mem_printf("%s/%s", top, base);
		const struct tree_names *names;

		if (!machine_may_be_in(machine, top, base))
			continue;
		names = machine_list(machine, dir);
		if (!names)
			continue;
		vec_foreach (link, names)
			add_unit(machine, units, *link, by, str_eq(kind, "requires"));
	}
}

static void add_default(const struct machine *machine, struct boot_units *units, size_t by)
{
	const struct boot_unit *b = &units->items[by];
	bool is_kind = is_of_type(b->name, "service") || is_of_type(b->name, "socket") ||
		       is_of_type(b->name, "timer") || is_of_type(b->name, "path");

	if (b->unit && is_kind && unit_has_default_dependencies(b->unit))
		add_unit(machine, units, "sysinit.target", by, true);
}

static void free_units(void *value)
{
	struct boot_units *units = value;

	vec_foreach (unit, units)
		free(unit->name);
	vec_done(units);
	free(units);
}

const struct boot_units *units_at_boot(const struct machine *machine)
{
	static const char key;
	struct boot_units *units = machine_kept(machine, &key);
	const char *target;

	if (units)
		return units;
	units = mem_alloc(sizeof(*units));
	machine_keep(machine, &key, units, free_units);
	target = units_default_target(machine);
	if (target && !units_dead_end(target))
		add_unit(machine, units, "default.target", 0, true);
	else if (unit_load(machine, "multi-user.target"))
		add_unit(machine, units, "multi-user.target", 0, true);
	for (size_t i = 0; i < units->count; i++) {
		cleanup(free) char *name = mem_strdup(units->items[i].name);

		add_listed(machine, units, i);
		add_linked(machine, units, name, i);
		if (!i)
			add_linked(machine, units, "default.target", i);
		add_default(machine, units, i);
	}
	return units;
}

const struct boot_unit *boot_unit_find(const struct boot_units *units, const char *name)
{
	vec_foreach (unit, units)
		if (str_eq(unit->name, name))
			return unit;
	return NULL;
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Unit `before` of a boot has ended its start before unit `after` begins. */
struct edge {
	size_t before, after;
};
struct edges {
	struct edge *items; /* sorted by `before` */
	size_t count, room;
	size_t *first; /* those of unit i: [first[i], first[i + 1]) */
};

static size_t index_of(const struct machine *machine, const struct boot_units *units,
		       const char *name)
{
	const struct unit *unit = unit_load(machine, name);
	const struct boot_unit *found = boot_unit_find(units, unit ? unit->name : name);

	return found ? (size_t)(found - units->items) : SIZE_MAX;
}

static void add_edges(const struct machine *machine, const struct boot_units *units, size_t i,
		      const char *key, struct edges *ret)
{
	cleanup(tree_names_done) struct tree_names words;

	unit_words(units->items[i].unit, "Unit", key, &words);
	vec_foreach (word, &words) {
		size_t other = index_of(machine, units, *word);

		if (other == SIZE_MAX || other == i)
			continue;
		vec_push(ret, str_eq(key, "After") ? ((struct edge){ other, i })
						   : ((struct edge){ i, other }));
	}
}

/* Default dependencies: services come after basic.target, which comes after sysinit.target; a target
 * comes after what it pulls in. */
static void add_default_edges(const struct machine *machine, const struct boot_units *units,
			      size_t i, struct edges *ret)
{
	static const char *const targets[] = { "basic.target", "sysinit.target" };
	const struct boot_unit *unit = &units->items[i];

	if (!unit_has_default_dependencies(unit->unit))
		return;
	for (size_t t = 0; is_of_type(unit->name, "service") && t < ARRAY_LEN(targets); t++) {
		size_t target = index_of(machine, units, targets[t]);

		if (target != SIZE_MAX)
			vec_push(ret, ((struct edge){ target, i }));
	}
	if (i != unit->by && is_of_type(units->items[unit->by].name, "target") &&
	    units->items[unit->by].unit &&
	    unit_has_default_dependencies(units->items[unit->by].unit))
		vec_push(ret, ((struct edge){ i, unit->by }));
}

static void free_edges(void *value)
{
	struct edges *edges = value;

	vec_done(edges);
	free(edges->first);
	free(edges);
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return (x->before > y->before) - (x->before < y->before);
}

/* A walk over the graph looks at each edge once then, however many units a volume has. */
static void sort_edges(struct edges *edges, size_t unit_count)
{
	if (edges->count)
		qsort(edges->items, edges->count, sizeof(*edges->items), compare_edges);
	edges->first = mem_array(unit_count + 1, sizeof(*edges->first));
	for (size_t e = 0, i = 0; i <= unit_count; i++) {
		while (e < edges->count && edges->items[e].before < i)
			e++;
		edges->first[i] = e;
	}
}

static const struct edges *boot_order(const struct machine *machine)
{
	static const char key;
	const struct boot_units *units = units_at_boot(machine);
	struct edges *edges = machine_kept(machine, &key);

	if (edges)
		return edges;
	edges = mem_alloc(sizeof(*edges));
	machine_keep(machine, &key, edges, free_edges);
	for (size_t i = 0; i < units->count; i++) {
		if (!units->items[i].unit)
			continue;
		add_edges(machine, units, i, "After", edges);
		add_edges(machine, units, i, "Before", edges);
		add_default_edges(machine, units, i, edges);
	}
	sort_edges(edges, units->count);
	return edges;
}

bool unit_is_ordered(const struct machine *machine, const char *before, const char *after)
{
	const struct boot_units *units = units_at_boot(machine);
	const struct edges *edges = boot_order(machine);
	size_t from = index_of(machine, units, before), to = index_of(machine, units, after);
	cleanup(free) bool *is_reached = mem_array(units->count + 1, sizeof(bool));
	cleanup(free) size_t *todo = mem_array(units->count + 1, sizeof(size_t));
	size_t count = 0;

	if (from == SIZE_MAX || to == SIZE_MAX || from == to)
		return false;
	todo[count++] = from;
	for (size_t n = 0; n < count && !is_reached[to]; n++)
		for (size_t e = edges->first[todo[n]]; e < edges->first[todo[n] + 1]; e++) {
			size_t next = edges->items[e].after;

			if (is_reached[next])
				continue;
			is_reached[next] = true;
			todo[count++] = next;
		}
	return is_reached[to];
}
