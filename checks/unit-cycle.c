/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/unit_edit.h"

#include <stdlib.h>

#define EDGES_MAX 2000u /* written here: more are nobody's, and each is a walk over the graph */

/* "before ends its start before after begins", and which line says so. */
struct edge {
	size_t before, after;
	const struct unit_file *file; /* NULL: by default, nobody wrote it */
	const struct section_item *item;
	const char *word; /* in it; borrowed from the other unit's name or an alias: see words */
	bool is_dropped;  /* by a repair: it closes no other cycle */
};
VEC_TYPE(edges, struct edge);

struct graph {
	const struct machine *machine;
	const struct boot_units *units;
	struct edges edges;
	struct tree_names words; /* owns what edges point at */
	size_t *first;		 /* edges of a unit, sorted by `before`: [first[i], first[i + 1]) */
};

static size_t index_of(const struct graph *g, const char *name)
{
	const struct unit *unit = unit_load(g->machine, name);
	const struct boot_unit *found = boot_unit_find(g->units, unit ? unit->name : name);

	return found ? (size_t)(found - g->units->items) : SIZE_MAX;
}

static void add_edge(struct graph *g, size_t before, size_t after, const struct unit_file *file,
		     const struct section_item *item, const char *word)
{
	if (before == SIZE_MAX || after == SIZE_MAX || before == after)
		return;
	vec_push(&g->edges, ((struct edge){ before, after, file, item, word, false }));
}

/* What is written: After= and Before=, an empty one resets nothing for these (systemd.unit(5)). */
static void add_written(struct graph *g, size_t i)
{
	const struct unit *unit = g->units->items[i].unit;

	vec_foreach (file, &unit->files)
		vec_foreach (item, &file->sections) {
			bool is_after = item->kind == SECTION_SET && str_eq(item->key, "After");
			cleanup(tree_names_done) struct tree_names words = { 0 };

			if (item->kind != SECTION_SET || !str_eq(item->section, "Unit") ||
			    (!is_after && !str_eq(item->key, "Before")))
				continue;
			unit_command_words(item->value, &words, NULL);
			vec_foreach (word, &words) {
				size_t other = index_of(g, *word);

				if (other == SIZE_MAX)
					continue;
				vec_push(&g->words, *word);
				add_edge(g, is_after ? other : i, is_after ? i : other, file, item,
					 *word);
				*word = NULL;
			}
		}
}

/* Default dependencies, those that hold for every unit of the kind alone: a missing one hides a cycle,
 * a wrong one would invent it. */
static void add_defaults(struct graph *g, size_t i)
{
	const struct boot_unit *unit = &g->units->items[i];
	bool is_service = str_ends(unit->name, ".service");
	bool is_starter = str_ends(unit->name, ".socket") || str_ends(unit->name, ".timer") ||
			  str_ends(unit->name, ".path");

	if (!unit_has_default_dependencies(unit->unit) || (!is_service && !is_starter))
		return;
	add_edge(g, index_of(g, "sysinit.target"), i, NULL, NULL, NULL);
	if (is_service)
		add_edge(g, index_of(g, "basic.target"), i, NULL, NULL, NULL);
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->before != y->before ? (x->before < y->before ? -1 : 1)
				      : (x->after > y->after) - (x->after < y->after);
}

static void graph_make(const struct machine *machine, struct graph *g)
{
	*g = (struct graph){ .machine = machine, .units = units_at_boot(machine) };
	g->first = mem_array(g->units->count + 2, sizeof(*g->first));
	for (size_t i = 0; i < g->units->count; i++) {
		if (!g->units->items[i].unit)
			continue;
		add_written(g, i);
		add_defaults(g, i);
	}
	if (g->edges.count)
		qsort(g->edges.items, g->edges.count, sizeof(*g->edges.items), compare_edges);
	for (size_t e = 0, i = 0; i <= g->units->count; i++) {
		while (e < g->edges.count && g->edges.items[e].before < i)
			e++;
		g->first[i] = e;
	}
}

static void graph_done(struct graph *g)
{
	vec_done(&g->edges);
	tree_names_done(&g->words);
	free(g->first);
}
DEFINE_CLEANUP_DONE(struct graph, graph_done)

/* The shortest way from the end of an edge back to its beginning, as numbers of edges: with the edge
 * itself the cycle. */
struct path {
	size_t *items;
	size_t count, room;
};

static bool way_back(const struct graph *g, const struct edge *edge, struct path *ret)
{
	size_t n = g->units->count, count = 0;
	cleanup(free) size_t *by = mem_array(n + 1, sizeof(*by));
	cleanup(free) size_t *todo = mem_array(n + 1, sizeof(*todo));

	ret->count = 0;
	for (size_t i = 0; i < n; i++)
		by[i] = SIZE_MAX;
	todo[count++] = edge->after;
	for (size_t k = 0; k < count && by[edge->before] == SIZE_MAX; k++)
		for (size_t e = g->first[todo[k]]; e < g->first[todo[k] + 1]; e++) {
			size_t next = g->edges.items[e].after;

			if (by[next] != SIZE_MAX || next == edge->after ||
			    g->edges.items[e].is_dropped)
				continue;
			by[next] = e;
			todo[count++] = next;
		}
	if (by[edge->before] == SIZE_MAX)
		return false;
	for (size_t at = edge->before; at != edge->after; at = g->edges.items[by[at]].before)
		vec_push(ret, by[at]);
	return true;
}

/* "a → b → c → a" */
static void say_way(const struct graph *g, const struct edge *edge, const struct path *path,
		    struct str *into)
{
	str_addf(into, "%s before %s", g->units->items[edge->before].name,
		 g->units->items[edge->after].name);
	for (size_t i = path->count; i-- > 0;)
		str_addf(into, " before %s",
			 g->units->items[g->edges.items[path->items[i]].after].name);
}

/* Which unit of the cycle a login cannot do without; NULL: none. */
static const char *victim_of(const struct graph *g, const struct edge *edge,
			     const struct path *path)
{
	const char *names[2] = { g->units->items[edge->before].name,
				 g->units->items[edge->after].name };

	for (size_t i = 0; i < path->count + 2; i++) {
		const char *name =
			i < 2 ? names[i]
			      : g->units->items[g->edges.items[path->items[i - 2]].after].name;

		if (unit_is_vital(g->machine, name))
			return name;
	}
	return NULL;
}

static bool is_local(const struct edge *edge)
{
	return edge->file && unit_path_is_local(edge->file->path);
}

/* Of all lines of a cycle that somebody wrote here the one to blame: what makes a vital unit wait, for
 * that is what it can do without. */
static struct edge *to_blame(const struct graph *g, struct edge *edge, const struct path *path)
{
	struct edge *best = edge;

	for (size_t i = 0; i < path->count; i++) {
		struct edge *other = &g->edges.items[path->items[i]];

		if (is_local(other) &&
		    !unit_is_vital(g->machine, g->units->items[best->after].name) &&
		    unit_is_vital(g->machine, g->units->items[other->after].name))
			best = other;
	}
	return best;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(graph_done) struct graph g;
	struct path path = { 0 };
	size_t looked_at = 0;

	(void)err;
	graph_make(machine, &g);
	vec_foreach (edge, &g.edges) {
		cleanup(str_done) struct str way = STR_INIT;
		struct edge *blamed;
		const char *victim;
		struct finding *finding;

		if (!is_local(edge) || edge->is_dropped || ++looked_at > EDGES_MAX ||
		    !way_back(&g, edge, &path))
			continue;
		blamed = to_blame(&g, edge, &path);
		blamed->is_dropped = true;
		victim = victim_of(&g, edge, &path);
		say_way(&g, edge, &path, &way);
		finding = finding_add(out, victim ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
				      victim ? REPAIR_SURE : REPAIR_OFFERED, "63",
				      blamed->file->path, blamed->item->line,
				      "%s=%s closes a circle (%s); systemd leaves one of these out "
				      "of the boot%s%s",
				      blamed->item->key, blamed->word, way.s,
				      victim ? ", perhaps " : "", victim ? victim : "");
		unit_edit_drop_word(blamed->file, blamed->item, blamed->word, &finding->edits);
	}
	vec_done(&path);
	return 0;
}

const struct check check_unit_cycle = {
	.name = "unit-cycle",
	.title = "units wait for each other in a circle",
	.explain =
		"When units are ordered in a circle, systemd deletes the start of one that nothing "
		"requires until the circle is broken, and says so in one line of the console "
		"(\"deleted "
		"to break ordering cycle\"). Which one that is changes from boot to boot: the "
		"network or "
		"sshd may be it. The usual cause is Before=sysinit.target, network-pre.target or "
		"local-fs.target in a service without DefaultDependencies=no, which by default "
		"comes "
		"after them. Only circles with a line written on this machine are reported; the "
		"repair "
		"takes the one name out of that line.",
	.source =
		"systemd.unit(5), Before, After; systemd.service(5), systemd.target(5), \"Default "
		"Dependencies\"; systemd-analyze verify of systemd 252, \"ordering cycle\"",
	.rows = "63",
	.repair = REPAIR_SURE,
	.examine = examine,
};
