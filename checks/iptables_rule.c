/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_rules.h"

#include "checks/iptables_options.h"
#include "checks/iptables_values.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define LOADED_MAX 16

struct reader {
	struct ipt_rule_reader *r;
	const struct ipt_words *words;
	size_t at; /* the next word */
	struct ipt_rule *rule;
	const char *loaded[LOADED_MAX]; /* modules, in order; [0] is the core */
	size_t loaded_count;
	bool has_opaque; /* a module whose options are not all known here */
	bool is_unsure;	 /* what is a value and what an option is not certain from here on */
	bool is_not;	 /* a '!' stands before the option */
	uint32_t proto;
	bool has_proto, is_proto_known, is_proto_loaded, seen[O_UNSURE_FLAG + 1];
	bool is_other_family;
	const char *target;
	struct str ignored; /* problems found where nothing is certain */
};

static void __attribute__((format(printf, 2, 3))) refuse(struct reader *x, const char *fmt, ...)
{
	va_list ap;
	char text[256];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!x->r->problem.len && !x->is_unsure)
		str_add_escaped(&x->r->problem, text, strlen(text));
}

struct ipt_cond *ipt_cond_add(struct ipt_rule *rule, enum ipt_cond_kind kind, bool is_not)
{
	struct ipt_cond *cond = vec_add(&rule->conds);

	cond->kind = kind;
	cond->is_not = is_not;
	return cond;
}

static bool in_list(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(list[i], name))
			return true;
	return false;
}

static bool is_loaded(const struct reader *x, const char *module)
{
	return in_list(x->loaded, x->loaded_count, module);
}

static void load(struct reader *x, const char *module)
{
	bool is_complete;
	const char *name = ipt_module(module, &is_complete);

	x->has_opaque |= !is_complete;
	if (name && !is_loaded(x, name) && x->loaded_count < LOADED_MAX)
		x->loaded[x->loaded_count++] = name;
}

/* The option of a long name: exact, or a prefix of one option of what is loaded. Two different ones
 * set *is_ambiguous. */
static const struct ipt_option_row *find_long(const struct reader *x, const char *name, size_t len,
					      bool *is_ambiguous)
{
	const struct ipt_option_row *found = NULL;

	*is_ambiguous = false;
	for (size_t i = 0; i < ipt_option_count; i++) {
		const struct ipt_option_row *row = &ipt_options[i];

		if (strncmp(row->name, name, len) || !is_loaded(x, row->module))
			continue;
		if (!row->name[len])
			return row;
		*is_ambiguous |= found && found->option != row->option;
		if (!found)
			found = row;
	}
	return found;
}

static const char *protocol_module(const struct reader *x)
{
	if (!x->has_proto || !x->is_proto_known)
		return NULL;
	return x->proto == 6	? "tcp"
	       : x->proto == 17 ? "udp"
	       : x->proto == 1	? "icmp"
	       : x->proto == 0	? NULL
				: "other";
}

/* iptables loads the protocol's match when it meets an option that it does not know yet. */
static bool load_protocol(struct reader *x)
{
	const char *module = protocol_module(x);

	if (!module || x->is_proto_loaded)
		return false;
	x->is_proto_loaded = true;
	if (is_loaded(x, module))
		return false;
	load(x, module);
	return true;
}

static const char *next_word(struct reader *x)
{
	return x->at < x->words->count ? x->words->items[x->at++] : NULL;
}

static void read_match(struct reader *x, const char *name)
{
	static const char *const judged[] = { "tcp",	 "udp",	      "icmp",	  "multiport",
					      "state",	 "conntrack", "comment",  "mark",
					      "pkttype", "iprange",   "addrtype", "standard" };

	if (!ipt_is_match(name)) {
		refuse(x, "there is no match \"%s\"", name);
		return;
	}
	load(x, name);
	if ((str_eq(name, "tcp") || str_eq(name, "udp")) &&
	    (!x->has_proto || (x->is_proto_known && x->proto != (name[0] == 't' ? 6 : 17))))
		x->seen[O_MATCH] = true; /* judged at the end: -p may follow */
	if (!in_list(judged, ARRAY_LEN(judged), name))
		ipt_cond_add(x->rule, IPT_MAYBE, false);
}

static bool is_of_nat(enum ipt_target target)
{
	return target == IPT_REDIRECT || target == IPT_DNAT || target == IPT_NAT;
}

static void read_target(struct reader *x, const char *name, bool is_goto)
{
	struct ipt_rule *rule = x->rule;

	snprintf(rule->target_name, sizeof(rule->target_name), "%s", name);
	rule->is_goto = is_goto;
	rule->to = ipt_chain_find(x->r->table, name);
	if (rule->to && !rule->to->is_builtin) {
		rule->target = IPT_CHAIN;
		x->target = "ACCEPT"; /* without options, like it */
		return;
	}
	x->target = name;
	if (strlen(name) >= IPT_NAME_MAX - 3 || !ipt_target_kind(name, &rule->target)) {
		refuse(x, "there is neither a chain nor a target \"%s\"", name);
		return;
	}
	if (is_goto) {
		refuse(x, "-g %s: that is no chain", name);
		return;
	}
	if (rule->target == IPT_SOMETHING)
		x->r->rules->has_opaque = true;
	load(x, name);
	if (str_eq(x->r->table->name, "nat") ? str_eq(name, "DROP") : is_of_nat(rule->target))
		refuse(x, "%s is not allowed in the table %s", name, x->r->table->name);
	if (str_eq(name, "REJECT") && !str_eq(x->r->table->name, "filter"))
		refuse(x, "REJECT is not allowed in the table %s", x->r->table->name);
}

static void read_interface(struct reader *x, const char *name, bool is_in)
{
	const char *chain = x->r->chain ? x->r->chain->name : "";
	struct ipt_cond *cond;

	if (strlen(name) > 15) {
		refuse(x, "the interface name \"%s\" is longer than 15 characters", name);
		return;
	}
	if (is_in ? str_eq(chain, "OUTPUT") || str_eq(chain, "POSTROUTING")
		  : str_eq(chain, "INPUT") || str_eq(chain, "PREROUTING"))
		refuse(x, "-%c cannot be used in %s", is_in ? 'i' : 'o', chain);
	cond = ipt_cond_add(x->rule, is_in ? IPT_IN : IPT_OUT, x->is_not);
	snprintf(cond->name, sizeof(cond->name), "%s", name);
}

static void read_protocol(struct reader *x, const char *name)
{
	enum ipt_known known = ipt_protocol(x->r->reading, name, &x->proto);
	struct ipt_cond *cond;

	if (known == IPT_UNKNOWN)
		refuse(x, "there is no protocol \"%s\"", name);
	x->has_proto = true;
	x->is_proto_known = known == IPT_KNOWN && !x->is_not;
	cond = ipt_cond_add(x->rule, known == IPT_KNOWN ? IPT_PROTO : IPT_MAYBE, x->is_not);
	cond->value = x->proto;
}

/* "-s ! 10.0.0.0/8" as iptables took it before 1.8.8. */
static const char *old_negation(struct reader *x, const char *value)
{
	if (!str_eq(value, "!") || (x->at < x->words->count && x->words->items[x->at][0] == '-'))
		return value;
	value = next_word(x);
	if (!value || x->r->reading->refuses_old_negation)
		refuse(x, "a ! behind its option is no longer accepted; it belongs before it");
	x->is_not = !x->is_not;
	return value ? value : "";
}

static void read_value(struct reader *x, enum ipt_option option, const char *value)
{
	struct ipt_value v = { .reading = x->r->reading,
			       .rule = x->rule,
			       .is_not = x->is_not,
			       .problem = x->is_unsure ? &x->ignored : &x->r->problem };

	switch (option) {
	case O_SRC:
	case O_DST:
		ipt_value_nets(&v, option == O_SRC ? IPT_SRC : IPT_DST, value);
		break;
	case O_SRC_RANGE:
	case O_DST_RANGE:
		ipt_value_range(&v, option == O_SRC_RANGE ? IPT_SRC : IPT_DST, value);
		break;
	case O_SPORT:
	case O_DPORT:
		ipt_value_ports(&v, option == O_SPORT ? IPT_SPORT : IPT_DPORT, value, false);
		break;
	case O_SPORTS:
	case O_DPORTS:
	case O_PORTS:
		ipt_value_ports(&v,
				option == O_SPORTS   ? IPT_SPORT
				: option == O_DPORTS ? IPT_DPORT
						     : IPT_PORT,
				value, true);
		break;
	case O_STATE:
		x->seen[O_STATE] = true;
		ipt_value_states(&v, value);
		break;
	case O_MARK:
		ipt_value_mark(&v, value);
		break;
	case O_DST_TYPE:
	case O_SRC_TYPE:
		ipt_value_types(&v, option == O_DST_TYPE ? IPT_DST_TYPE : IPT_SRC_TYPE, value);
		break;
	case O_PKTTYPE:
		ipt_cond_add(x->rule,
			     str_eq(value, "unicast") || str_eq(value, "host") ? IPT_ALWAYS
									       : IPT_NEVER,
			     x->is_not);
		break;
	case O_CTDIR:
		ipt_cond_add(x->rule, IPT_ORIGINAL, x->is_not != (toupper(*value) == 'R'));
		break;
	case O_REJECT_WITH:
		x->seen[O_REJECT_WITH] = str_starts(value, "tcp-r");
		ipt_value_reject(&v, value);
		break;
	case O_TO_PORTS:
	case O_TO_DESTINATION:
		ipt_value_to(&v, value, option == O_TO_DESTINATION);
		break;
	default:
		break;
	}
}

/* Options of which iptables takes one a rule. */
static bool is_single(enum ipt_option option)
{
	return option == O_SPORT || option == O_DPORT || option == O_PROTO || option == O_SRC ||
	       option == O_DST || option == O_IN || option == O_OUT || option == O_JUMP ||
	       option == O_GOTO;
}

/* What stands before the switch on the option: repeats, a "!" where none may be, the value. */
static bool take_value(struct reader *x, enum ipt_option option, const char **value,
		       const char *name)
{
	if (x->is_not && (option == O_JUMP || option == O_GOTO || option == O_MATCH))
		refuse(x, "! cannot stand before %s", name);
	if (is_single(option)) {
		enum ipt_option seen = option == O_GOTO ? O_JUMP : option;

		if (x->seen[seen])
			refuse(x, "%s is given twice", name);
		x->seen[seen] = true;
	}
	if (!*value)
		*value = ipt_option_is_flag(option) ? "" : next_word(x);
	if (!*value) {
		refuse(x, "%s needs a value", name);
		return false;
	}
	if (option != O_IGNORED && option != O_UNSURE && !ipt_option_is_flag(option))
		*value = old_negation(x, *value);
	return true;
}

static void read_syn(struct reader *x)
{
	struct ipt_cond *cond = ipt_cond_add(x->rule, IPT_TCP_FLAGS, x->is_not);

	cond->mask = 0x17; /* FIN,SYN,RST,ACK */
	cond->value = 0x02;
}

static void read_tcp_flags(struct reader *x, const char *mask, const char *name)
{
	struct ipt_value v = { .reading = x->r->reading,
			       .rule = x->rule,
			       .is_not = x->is_not,
			       .problem = x->is_unsure ? &x->ignored : &x->r->problem };
	const char *comp = next_word(x);

	if (comp)
		ipt_value_tcp_flags(&v, mask, comp);
	else
		refuse(x, "%s needs two values", name);
}

static void read_option(struct reader *x, enum ipt_option option, const char *value,
			const char *name)
{
	if (!take_value(x, option, &value, name))
		return;
	switch (option) {
	case O_PROTO:
		read_protocol(x, value);
		break;
	case O_IN:
	case O_OUT:
		read_interface(x, value, option == O_IN);
		break;
	case O_JUMP:
	case O_GOTO:
		read_target(x, value, option == O_GOTO);
		break;
	case O_MATCH:
		read_match(x, value);
		break;
	case O_FRAGMENT:
		ipt_cond_add(x->rule, IPT_NEVER, x->is_not);
		break;
	case O_COUNTERS:
		next_word(x); /* packets were the value, bytes follow */
		break;
	case O_V4:
	case O_V6:
		x->is_other_family |= (option == O_V6) != x->r->reading->is_v6;
		break;
	case O_FORBIDDEN:
		refuse(x, "%s cannot be used in a file", name);
		break;
	case O_SYN:
		read_syn(x);
		break;
	case O_TCP_FLAGS:
		read_tcp_flags(x, value, name);
		break;
	case O_NOTRACK:
		x->rule->target = IPT_NOTRACK;
		break;
	case O_UNSURE:
	case O_UNSURE_FLAG:
		ipt_cond_add(x->rule, IPT_MAYBE, false);
		break;
	default:
		read_value(x, option, value);
		break;
	}
}

/* A long option that this table does not have, of a module that it does not know wholly: words up
 * to the next option are its values. */
static void skip_opaque(struct reader *x)
{
	size_t first = x->at;

	while (x->at < x->words->count && x->words->items[x->at][0] != '-' &&
	       !str_eq(x->words->items[x->at], "!"))
		x->at++;
	/* The next option may as well be this one's value. */
	x->is_unsure |= x->at == first && x->at < x->words->count;
}

static void read_long(struct reader *x, const char *word)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	bool is_ambiguous;
	const struct ipt_option_row *row = find_long(x, name, len, &is_ambiguous);

	while (!row && load_protocol(x))
		row = find_long(x, name, len, &is_ambiguous);
	/* An abbreviation may also be the whole name of an option that is not in the table. */
	if (row && (!row->name[len] || (!is_ambiguous && !x->has_opaque))) {
		read_option(x, row->option, equals ? equals + 1 : NULL, word);
		return;
	}
	if (!row && !x->has_opaque && (!x->has_proto || x->is_proto_known)) {
		refuse(x, "unknown option \"%s\"", word);
		return;
	}
	ipt_cond_add(x->rule, IPT_MAYBE, false);
	skip_opaque(x);
}

static void read_short(struct reader *x, const char *word)
{
	char name[3] = { '-', word[1], 0 };
	bool is_cluster = word[2] != '\0';

	for (size_t i = 0; i < ipt_option_count; i++)
		if (ipt_options[i].letter == word[1]) {
			bool has_value = is_cluster && !ipt_option_is_flag(ipt_options[i].option);

			if (is_cluster && !has_value)
				break;
			read_option(x, ipt_options[i].option, has_value ? word + 2 : NULL, name);
			return;
		}
	if (is_cluster) { /* several letters in one: nobody writes that, and nothing is claimed */
		ipt_cond_add(x->rule, IPT_MAYBE, false);
		x->has_opaque = true;
		skip_opaque(x);
		return;
	}
	if (strchr("ADCIRLSFZNXPEVhMb", word[1]) && word[1])
		refuse(x, "a second command, %s, in one rule", word);
	else
		refuse(x, "unknown option \"%s\"", word);
}

/* The kernel takes -m tcp and ports only in rules for that protocol. */
static void judge_modules(struct reader *x)
{
	bool is_told = x->has_proto && !x->is_proto_known;

	if (x->seen[O_MATCH] && !is_told &&
	    !((is_loaded(x, "tcp") && x->proto == 6) || (is_loaded(x, "udp") && x->proto == 17)))
		refuse(x, "-m %s needs -p %s", is_loaded(x, "tcp") ? "tcp" : "udp",
		       is_loaded(x, "tcp") ? "tcp" : "udp");
	if (is_loaded(x, "multiport") && !is_told &&
	    (!x->has_proto || (x->proto != 6 && x->proto != 17 && x->proto != 33 &&
			       x->proto != 132 && x->proto != 136)))
		refuse(x, "-m multiport needs -p tcp or -p udp");
	if (x->seen[O_REJECT_WITH] && !is_told && (!x->has_proto || x->proto != 6))
		refuse(x, "--reject-with tcp-reset needs -p tcp");
	if (is_loaded(x, "state") && !x->seen[O_STATE])
		refuse(x, "-m state needs --state");
}

void ipt_rule_read(struct ipt_rule_reader *r, const struct ipt_words *words, size_t from,
		   struct ipt_rule *ret)
{
	struct reader x = { .r = r, .words = words, .at = from, .rule = ret, .ignored = STR_INIT };

	x.loaded[x.loaded_count++] = "";
	while (x.at < words->count && !r->problem.len) {
		const char *word = next_word(&x);

		if (str_eq(word, "!")) {
			if (x.is_not)
				refuse(&x, "two ! in a row");
			x.is_not = true;
			continue;
		}
		if (word[0] == '-' && word[1] == '-' && word[2])
			read_long(&x, word);
		else if (word[0] == '-' && word[1] && word[1] != '-')
			read_short(&x, word);
		else
			refuse(&x, "\"%s\" belongs to no option", word);
		x.is_not = false;
	}
	if (!r->problem.len)
		judge_modules(&x);
	if (x.is_other_family)
		ipt_cond_add(ret, IPT_NEVER, false);
	if (x.is_unsure)
		ipt_cond_add(ret, IPT_MAYBE, false);
	str_done(&x.ignored);
}

void ipt_rule_free(struct ipt_rule *rule)
{
	if (!rule)
		return;
	vec_foreach (cond, &rule->conds) {
		vec_done(&cond->nets);
		vec_done(&cond->ranges);
	}
	vec_done(&rule->conds);
	free(rule);
}
