/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/near_word.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/netplan_mend.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

#include <stdio.h>
#include <strings.h>

struct view {
	const struct machine *machine;
	const struct netplan *model;
	const struct netplan_file *file;
	const struct netplan_error *error;
	enum severity severity;
	struct edits edits;
	bool is_sure;
};

static void respell(struct view *v, uint32_t line, const char *old, const char *new)
{
	const struct nic_respell item = { line, old, new };

	nic_respell(v->file->path, v->file->text, &item, 1, &v->edits);
}

/* The key whose value this map is; NULL: the document itself, or an item of a list. */
static const struct yaml_node *key_of(const struct yaml_node *in, const struct yaml_node *map)
{
	for (const struct yaml_node *k = yaml_first_key(in); k; k = yaml_next_key(k)) {
		const struct yaml_node *found = k->next == map ? k : key_of(k->next, map);

		if (found)
			return found;
	}
	return NULL;
}

/* The lines of a key and all that is below it, when nothing else stands in them. A map must not
 * become empty. */
static void comment_out(struct view *v, const struct yaml_node *key)
{
	cleanup(str_done) struct str line = STR_INIT;
	const struct yaml_node *outer = NULL, *value;
	uint32_t end;

	if (v->error->map && !yaml_next_key(yaml_first_key(v->error->map)))
		outer = key_of(v->file->doc.root, v->error->map);
	if (outer)
		key = outer;
	lines_copy(v->file->text->s, v->file->text->len, key->line, 1, &line);
	if (strspn(line.s, " ") != key->column)
		return; /* "- key: value": the line begins an item of a list */
	value = key->next;
	end = value && value->end_line > key->line ? value->end_line : key->line;
	v->is_sure = false;
	if (!v->error->map || !v->error->map->is_flow)
		lines_edit_comment(&v->edits, v->file->path, v->file->text, key->line,
				   end - key->line + 1);
}

/* A value is written where there is none, or in place of the one that is there. */
static void set_value(struct view *v, const char *new)
{
	const struct yaml_node *key = v->error->key, *node = v->error->node;
	const char *is = yaml_text(node), *name = yaml_text(key);
	cleanup(str_done) struct str old = STR_INIT, line = STR_INIT;
	size_t at;

	if (is && *is) {
		respell(v, node->line, is, new);
		return;
	}
	if (!name)
		return;
	lines_copy(v->file->text->s, v->file->text->len, key->line, 1, &old);
	at = key->column + strlen(name);
	if (at >= old.len || old.s[at] != ':')
		return;
	str_addf(&line, "%.*s: %s%s", (int)at, old.s, new, old.s + at + 1);
	edit_lines(&v->edits, v->file->path, key->line, 1, old.s, line.s);
}

/* The keys that belong below this one stand beside it: they are moved in. "dhcp4:true" is one word. */
static void mend_map(struct view *v)
{
	const struct yaml_node *key = v->error->key, *node = v->error->node;
	const struct yaml_node *last = NULL;
	const char *word = yaml_text(node) ? yaml_text(node) : "";
	const char *end_of_word = word + strcspn(word, ": ");
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;

	for (const char *const *name = v->error->known_below; name && *name; name++) {
		cleanup(free) char *with = NULL;

		if (strlen(*name) != (size_t)(end_of_word - word) ||
		    strncmp(*name, word, strlen(*name)) != 0 || !end_of_word[0] ||
		    !end_of_word[1] || strchr(end_of_word + 1, ' '))
			continue;
		with = mem_printf("%s: %s", *name, end_of_word + 1);
		respell(v, node->line, word, with);
		return;
	}
	if (!key || !v->error->map || !v->error->known_below || *word || v->error->map->is_flow)
		return;
	for (const struct yaml_node *k = yaml_next_key(key); k; k = yaml_next_key(k)) {
		bool is_below = false;

		for (const char *const *name = v->error->known_below; *name; name++)
			is_below |= yaml_text(k) && str_eq(*name, yaml_text(k));
		if (!is_below)
			break;
		last = k;
	}
	if (!last)
		return;
	uint32_t first_line = key->line + 1;
	uint32_t end = last->next->end_line > last->line ? last->next->end_line : last->line;

	lines_copy(v->file->text->s, v->file->text->len, first_line, end - first_line + 1, &old);
	for (const char *at = old.s; *at; at += strcspn(at, "\n"), at += *at == '\n')
		str_addf(&new, "  %.*s\n", (int)strcspn(at, "\n"), at);
	edit_lines(&v->edits, v->file->path, first_line, end - first_line + 1, old.s, new.s);
}

static void mend_prefix(struct view *v)
{
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	cleanup(free) char *with = NULL;
	const char *slash = nic && nic->subnet_cidr ? strchr(nic->subnet_cidr, '/') : NULL;

	v->is_sure = slash != NULL;
	with = mem_printf("%s%s", v->error->node->value, slash ? slash : "/24");
	respell(v, v->error->node->line, v->error->node->value, with);
}

static void mend_address(struct view *v)
{
	const char *text = yaml_text(v->error->node);
	cleanup(free) char *bare = text ? mem_strndup(text, strcspn(text, "/")) : NULL;
	struct ip ip;

	if (str_eq(v->error->key->value, "gateway4") && bare && !ip_parse(bare, &ip))
		respell(v, v->error->node->line, text, bare);
	else
		comment_out(v, v->error->key);
}

static void mend_boolean(struct view *v)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on", "off", NULL };
	const char *text = v->error->node->value, *near = near_word(text, words);

	if (str_eq(text, "1") || str_eq(text, "0"))
		set_value(v, *text == '1' ? "true" : "false");
	else if (*text && near)
		set_value(v, near);
	else if (str_starts(v->error->key->value, "dhcp"))
		set_value(v, "true");
	else
		comment_out(v, v->error->key);
}

static void mend_renderer(struct view *v)
{
	static const char *const words[] = { "networkd", "NetworkManager", NULL };
	const char *text = v->error->node->value, *near = near_word(text, words);

	if (near)
		set_value(v, near);
	else if (str_starts(text, "systemd"))
		set_value(v, "networkd");
	else
		comment_out(v, v->error->key);
}

/* "addresses: 10.0.0.5/24" */
static void mend_list(struct view *v)
{
	const char *text = yaml_text(v->error->node);
	cleanup(free) char *list = NULL;

	if (text && *text && v->error->node->is_plain && !strpbrk(text, "\n#")) {
		list = mem_printf("[%s]", text);
		respell(v, v->error->node->line, text, list);
	} else
		comment_out(v, v->error->key);
}

/* The whole file belongs below "network:". */
static void insert_network(struct view *v)
{
	const struct str *text = v->file->text;
	uint32_t first = v->error->node->first->line;
	uint32_t count = lines_count(text->s, text->len) - first + 1;
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;

	lines_copy(text->s, text->len, first, count, &old);
	str_add(&new, "network:\n");
	for (const char *at = old.s; *at; at += strcspn(at, "\n"), at += *at == '\n')
		str_addf(&new, "  %.*s\n", (int)strcspn(at, "\n"), at);
	edit_lines(&v->edits, v->file->path, first, count, old.s, new.s);
}

/* A match that takes in any card, in place of one that says nothing. */
static void match_any(struct view *v)
{
	const struct yaml_node *key = v->error->key;
	cleanup(free) char *quoted = mem_printf("\"%s\"", nic_pattern_of_only(v->machine));
	const struct nic_respell items[] = {
		{ key->line, key->value, "name" },
		{ v->error->node->line, v->error->node->value, quoted },
	};

	v->is_sure = false;
	if (yaml_get(v->error->map, "name"))
		comment_out(v, key);
	else if (v->error->node->is_plain && *v->error->node->value)
		nic_respell(v->file->path, v->file->text, items, ARRAY_LEN(items), &v->edits);
}

/* "06-aa-bb-…", or something that no card has: the only card's own. */
static void mend_mac(struct view *v)
{
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	const char *text = yaml_text(v->error->node);
	cleanup(free) char *with = mem_strdup(text ? text : "");
	size_t pairs = 0;

	if (!text)
		return; /* a list or a map: where it ends is not told by its line */
	for (char *c = with; *c; c++)
		if (*c == '-' || *c == '.')
			*c = ':';
	for (const char *c = with; *c; c++)
		pairs += *c == ':';
	if (strlen(with) == 17 && pairs == 5 && !str_eq(with, text))
		respell(v, v->error->node->line, text, with);
	else if (nic && nic->mac && nic_count(v->machine) == 1)
		set_value(v, nic->mac);
	else
		match_any(v);
}

static void mend_key(struct view *v)
{
	const struct yaml_node *key = v->error->node;
	const char *text = yaml_text(key);
	const char *near = text ? near_word(text, v->error->known) : NULL;

	if (near && !yaml_get(v->error->map, near))
		respell(v, key->line, text, near);
	else
		comment_out(v, key);
}

/* YAML ends a line at a CR, NEL, LS or PS as well (YAML 1.1, 5.4): then its lines are not those of an edit. */
static bool has_other_line_ends(const struct str *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->s[i] == '\r' && text->s[i + 1] != '\n')
			return true;
	return memmem(text->s, text->len, "\xc2\x85", 2) ||
	       memmem(text->s, text->len, "\xe2\x80\xa8", 3) ||
	       memmem(text->s, text->len, "\xe2\x80\xa9", 3);
}

static void mend(struct view *v)
{
	if (has_other_line_ends(v->file->text))
		return;
	v->is_sure = true;
	if (!v->error->key) { /* the document itself, which no key leads to */
		if (v->error->fault == NETPLAN_NO_NETWORK)
			insert_network(v);
		else if (v->error->fault == NETPLAN_NO_MAP)
			mend_map(v);
		return;
	}
	switch (v->error->fault) {
	case NETPLAN_UNKNOWN_KEY:
		mend_key(v);
		break;
	case NETPLAN_BAD_BOOLEAN:
		mend_boolean(v);
		break;
	case NETPLAN_BAD_RENDERER:
		mend_renderer(v);
		break;
	case NETPLAN_BAD_ADDRESS:
		mend_address(v);
		break;
	case NETPLAN_NO_PREFIX:
		mend_prefix(v);
		break;
	case NETPLAN_NO_MAP:
		mend_map(v);
		break;
	case NETPLAN_NO_LIST:
		mend_list(v);
		break;
	case NETPLAN_BAD_VERSION:
		if (yaml_text(v->error->node))
			set_value(v, "2");
		break;
	case NETPLAN_NO_NETWORK:
		break;
	case NETPLAN_BAD_MAC:
		mend_mac(v);
		break;
	case NETPLAN_NO_MATCH:
	case NETPLAN_BAD_NUMBER:
	case NETPLAN_NO_SCALAR:
	case NETPLAN_BAD_ROUTE:
		comment_out(v, v->error->key);
		v->is_sure = v->error->fault == NETPLAN_NO_MATCH ||
			     v->error->fault == NETPLAN_BAD_NUMBER;
		break;
	}
}

static const char *what(const struct netplan_error *error)
{
	static const char *const texts[] = {
		[NETPLAN_UNKNOWN_KEY] = "is no key that netplan knows here",
		[NETPLAN_BAD_BOOLEAN] = "must be true or false",
		[NETPLAN_BAD_NUMBER] = "must be a number",
		[NETPLAN_BAD_RENDERER] = "is no renderer",
		[NETPLAN_BAD_ADDRESS] = "is no address",
		[NETPLAN_NO_PREFIX] = "has no prefix length behind it, as in 10.0.0.5/24",
		[NETPLAN_BAD_MAC] = "is no MAC address",
		[NETPLAN_NO_MAP] = "must have keys below it",
		[NETPLAN_NO_LIST] = "must be a list",
		[NETPLAN_NO_SCALAR] = "must be one word",
		[NETPLAN_NO_MATCH] = "gives a name without a match",
		[NETPLAN_BAD_VERSION] = "is no version but 2",
		[NETPLAN_NO_NETWORK] = "has its settings without network: above them",
		[NETPLAN_BAD_ROUTE] = "has a route without a right to and via",
	};

	return texts[error->fault];
}

static void report_error(struct view *v, struct findings *out)
{
	const struct yaml_node *node = v->error->node;
	const char *word = yaml_text(node), *name = yaml_text(v->error->key);
	const char *said = word && *word && v->error->fault != NETPLAN_NO_MATCH ? word
			   : name						? name
										: "the file";
	struct finding *finding;

	mend(v);
	finding = finding_add(out, v->severity,
			      !v->edits.count ? REPAIR_NONE
			      : v->is_sure    ? REPAIR_SURE
					      : REPAIR_OFFERED,
			      "115", v->file->path, node->line,
			      "%s %s; netplan refuses the file and configures nothing at all",
			      machine_quote(v->machine, said, strlen(said)), what(v->error));
	edits_add_all(&finding->edits, &v->edits);
}

/* Nothing small helps: the file's lines become comments, and a card asks DHCP. */
static void fall_back(struct view *v, struct str *into)
{
	bool has_other_card = v->model->cards.count > 0;

	netplan_add_clean(v->file->text, LINES_MARK, into);
	if (!has_other_card)
		str_addf(into,
			 "network:\n  version: 2\n  ethernets:\n    rescue:\n      match:\n"
			 "        name: \"%s\"\n      dhcp4: true\n",
			 nic_pattern_of_only(v->machine));
}

static void report_bad(struct view *v, struct findings *out)
{
	cleanup(str_done) struct str new = STR_INIT;
	bool is_small = netplan_mend(v->file->text, &v->file->doc, &new);
	struct finding *finding;

	if (!is_small)
		fall_back(v, &new);
	finding = finding_add(out, v->severity, REPAIR_SURE, "115", v->file->path,
			      v->file->doc.bad_line,
			      "the file is no YAML (%s); netplan refuses it and configures nothing "
			      "at all%s",
			      v->file->doc.problem,
			      is_small		      ? ""
			      : v->model->cards.count ? ""
						      : ", and what the card should be cannot "
							"be read from it");
	edit_replace(&finding->edits, v->file->path, v->file->text, &new);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct netplan *model = netplan_model(machine);
	bool is_alone = !ifupdown_has_card(machine) && !net_has_other(machine) &&
			!(net_has_nm(machine) && net_has_nm_files(machine));

	(void)err;
	if (!model)
		return 0;
	vec_foreach (file, &model->files) {
		struct view v = { .machine = machine,
				  .model = model,
				  .file = *file,
				  .severity = is_alone ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS };

		if ((*file)->doc.is_bad)
			report_bad(&v, out);
		vec_foreach (error, &(*file)->errors) {
			v.error = error;
			report_error(&v, out);
			edits_done(&v.edits);
		}
	}
	return 0;
}

const struct check check_netplan_yaml = {
	.name = "netplan-yaml",
	.title = "netplan refuses a file of /etc/netplan",
	.explain =
		"netplan's generator reads all of /etc/netplan/*.yaml and writes nothing when it "
		"does not understand one line of them: a tab, an indentation, an unknown key, an "
		"address without its prefix length. Then nothing configures the network, also not "
		"what cloud-init wrote. The repair changes the word or the blanks that make the "
		"file one that netplan takes; where nothing small does, its lines become comments "
		"and the network card asks DHCP.",
	.source = "netplan(5); netplan generate 0.106; YAML 1.1",
	.rows = "115",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
