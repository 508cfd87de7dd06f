/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

/* What each keyword accepts, argument by argument, as sshd checks it at its start. */

struct value {
	const struct sshd_keyword *keyword;
	const struct sshd_words *words;
	const struct sshd_program *program;
	const struct machine *machine;
	size_t used; /* arguments consumed */
};

static const char *next_arg(struct value *v)
{
	const char *arg = v->used < v->words->count ? v->words->args[v->used] : NULL;

	if (arg)
		v->used++;
	return arg;
}

static char *bad(const struct value *v, const char *arg, const char *wanted)
{
	return mem_printf("%s is not %s", machine_quote(v->machine, arg, strlen(arg)), wanted);
}

static char *missing(void)
{
	return mem_printf("the argument is missing");
}

static char *check_number(struct value *v, bool none_allowed)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	if (none_allowed && str_eq(arg, "none"))
		return NULL;
	/* Before 7.8 numbers were read with atoi, which accepts anything. */
	if (v->program->version < 708)
		return NULL;
	return sshd_number(arg, INT_MAX) < 0 ? bad(v, arg, "a number") : NULL;
}

static char *check_time(struct value *v, bool none_allowed)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	if (none_allowed && str_eq(arg, "none"))
		return NULL;
	return sshd_time(arg) < 0 ? bad(v, arg, "a time such as 120 or 2m") : NULL;
}

static char *check_choice(struct value *v, const char *const *choices)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	for (size_t i = 0; choices[i]; i++) {
		if (v->keyword->kind == SSHD_EXACT_CHOICE ? !str_eq(choices[i], arg)
							  : strcasecmp(choices[i], arg))
			continue;
		if (str_eq(choices[i], "prohibit-password") && v->program->version < 700)
			break;
		if (str_eq(choices[i], "shosts-only") && v->program->version < 803)
			break;
		if (choices[i][0] == 'r' && str_eq(choices[i], "ripemd160") &&
		    v->program->version >= 708)
			break;
		return NULL;
	}
	struct str wanted = STR_INIT;
	str_add(&wanted, "one of");
	for (size_t i = 0; choices[i]; i++)
		str_addf(&wanted, "%s %s", i ? "," : "", choices[i]);
	char *text = bad(v, arg, wanted.s);
	str_done(&wanted);
	return text;
}

static char *check_port(struct value *v)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	if (sshd_port(arg, v->machine) > 0)
		return NULL;
	return bad(v, arg, "a port (1 to 65535)");
}

/* "host", "host:port", "[v6]:port", "v6" and an optional routing domain. */
static char *check_listen(struct value *v)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	const char *colon = strchr(arg, ':');
	const char *port = NULL;
	if (*arg == '[') {
		const char *close = strchr(arg, ']');
		if (!close || (close[1] && close[1] != ':'))
			return bad(v, arg, "an address with an optional port");
		port = close[1] == ':' ? close + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		port = colon + 1;
	}
	if (v->program->version >= 902 && *arg != '[' && strchr(arg, '/') && !(colon && !port))
		return bad(v, arg, "an address with an optional port");
	if (port && sshd_port(port, v->machine) <= 0)
		return bad(v, port, "a port (1 to 65535)");
	if (!port && !colon && arg[strspn(arg, "0123456789.")] == '\0') {
		struct in_addr in;
		if (!inet_aton(arg, &in)) /* looks like a number, so no name server knows it */
			return bad(v, arg, "an address");
	}
	const char *word = next_arg(v);
	if (word && (!str_eq(word, "rdomain") || !next_arg(v)))
		return bad(v, word, "\"rdomain\" and its name");
	return NULL;
}

static char *check_algorithms(struct value *v)
{
	const char *arg = next_arg(v);
	enum sshd_kind kind = v->keyword->kind;
	uint32_t version = v->program->version;

	if (!arg || !*arg)
		return missing();
	if ((*arg == '+' && version >= 700) || (*arg == '^' && version >= 800))
		arg++;
	else if (*arg == '-' && version >= 705)
		return NULL; /* names to take away are not looked at */
	if (!*arg)
		return mem_printf("the list is empty");
	cleanup(free) char *copy = mem_strdup(arg);
	char *rest = copy;
	for (char *p; (p = strsep(&rest, ","));) {
		if (kind == SSHD_KEYALGS && !*p)
			break; /* as sshd does: an empty name ends that kind of list */
		if (!sshd_algorithm_known(kind, p, v->program))
			return bad(v, p, "an algorithm that this sshd knows");
	}
	return NULL;
}

static char *check_maxstartups(struct value *v)
{
	const char *arg = next_arg(v);
	int begin, rate, full;

	if (!arg || !*arg)
		return missing();
	/* NOLINTNEXTLINE(cert-err34-c): read as sshd itself reads it */
	int n = sscanf(arg, "%d:%d:%d", &begin, &rate, &full);
	if (n >= 1 && v->program->version >= 902 && (begin <= 0 || (n == 3 && full <= 0)))
		return bad(v, arg, "start:rate:full, none of them 0");
	if (n == 3 ? begin > full || rate > 100 || rate < 1 : n != 1)
		return bad(v, arg, "start:rate:full");
	return NULL;
}

static char *check_netblock(struct value *v)
{
	const char *arg = next_arg(v);
	int v4, v6 = 0;

	if (!arg || !*arg)
		return missing();
	/* NOLINTNEXTLINE(cert-err34-c): read as sshd itself reads it */
	int n = sscanf(arg, "%d:%d", &v4, &v6);
	return n < 1 || v4 < 0 || v4 > 32 || v6 < 0 || v6 > 128
		       ? bad(v, arg, "two mask lengths such as 32:128")
		       : NULL;
}

static char *check_facility(struct value *v)
{
	static const char *const names[] = { "daemon", "user",	 "auth",   "authpriv", "local0",
					     "local1", "local2", "local3", "local4",   "local5",
					     "local6", "local7", NULL };

	return check_choice(v, names);
}

static char *check_rekey(struct value *v)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	if (!str_eq(arg, "default")) {
		char *end;
		errno = 0;
		double value = strtod(arg, &end);
		if (end == arg || !isdigit((unsigned char)*arg) || errno ||
		    (*end && (!strchr("kKmMgGtTpPeEbB", *end) || end[1])))
			return bad(v, arg, "a size such as 1G");
		bool is_plain = !*end || *end == 'b' || *end == 'B';
		if (is_plain && value > 0 && value < 16)
			return bad(v, arg, "large enough (16 bytes at least)");
	}
	if (v->used == v->words->count)
		return NULL;
	return check_time(v, true);
}

static char *check_users(struct value *v)
{
	for (const char *arg; (arg = next_arg(v));) {
		if (!*arg)
			return mem_printf("a pattern is empty");
		const char *at = strchr(arg, '@');
		if (v->keyword->kind == SSHD_USERS && at && v->program->version >= 704 &&
		    sshd_address_list_is_wrong(at + 1))
			return bad(v, arg, "a user@address pattern whose address and mask agree");
	}
	return NULL;
}

static char *check_environment(struct value *v)
{
	bool wants_equals = v->keyword->kind == SSHD_SETENV;

	for (const char *arg; (arg = next_arg(v));)
		if (!*arg || (strchr(arg, '=') != NULL) != wants_equals)
			return bad(v, arg, wants_equals ? "NAME=value" : "a variable's name");
	return NULL;
}

static char *check_permitopen(struct value *v)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	if (str_eq(arg, "any") || str_eq(arg, "none"))
		return NULL;
	for (; arg && *arg; arg = next_arg(v)) {
		bool is_listen = str_eq(v->keyword->name, "permitlisten");
		const char *close = *arg == '[' ? strchr(arg, ']') : NULL;
		const char *port = strchr(close ? close : arg, ':');
		if (!port && !is_listen)
			return bad(v, arg, "host:port");
		port = port ? port + 1 : arg;
		if (!str_eq(port, "*") && sshd_port(port, v->machine) < 0)
			return bad(v, port, "a port");
	}
	return NULL;
}

static char *check_methods(struct value *v)
{
	static const char *const names[] = { "none",
					     "publickey",
					     "password",
					     "hostbased",
					     "keyboard-interactive",
					     "gssapi-with-mic",
					     "gssapi-keyex" };
	bool has_any = false;
	size_t count = 0;

	for (const char *arg; (arg = next_arg(v)); count++) {
		if (str_eq(arg, "any")) {
			if (count)
				return mem_printf("\"any\" must stand alone");
			has_any = true;
			continue;
		}
		if (has_any)
			return mem_printf("\"any\" must stand alone");
		cleanup(free) char *copy = mem_strdup(arg);
		char *rest = copy;
		for (char *p; (p = strsep(&rest, ","));) {
			bool known = false;
			p[strcspn(p, ":")] = '\0';
			for (size_t i = 0; i < ARRAY_LEN(names); i++)
				known |= str_eq(names[i], p);
			if (!known)
				return bad(v, p, "an authentication method");
		}
	}
	return count ? NULL : missing();
}

static char *check_mask(struct value *v)
{
	const char *arg = next_arg(v);
	char *end;

	if (!arg || !*arg)
		return missing();
	long mode = strtol(arg, &end, 8);
	return end == arg || mode < 0 || mode > 0777 ? bad(v, arg, "an octal mode") : NULL;
}

static bool qos_known(const char *arg)
{
	static const char *const names[] = {
		"af11", "af12", "af13", "af21",	    "af22",	  "af23",	 "af31",
		"af32", "af33", "af41", "af42",	    "af43",	  "cs0",	 "cs1",
		"cs2",	"cs3",	"cs4",	"cs5",	    "cs6",	  "cs7",	 "ef",
		"le",	"none", "va",	"lowdelay", "throughput", "reliability",
	};
	char *end;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(names[i], arg))
			return true;
	long value = strtol(arg, &end, 0);
	return *arg && !*end && value >= 0 && value <= 255;
}

static char *check_ipqos(struct value *v)
{
	const char *arg = next_arg(v);

	if (!arg || !*arg)
		return missing();
	if (!qos_known(arg))
		return bad(v, arg, "a quality of service");
	arg = next_arg(v);
	return arg && !qos_known(arg) ? bad(v, arg, "a quality of service") : NULL;
}

static char *check_pubkey_options(struct value *v)
{
	for (const char *arg; (arg = next_arg(v));)
		if (strcasecmp(arg, "none") && strcasecmp(arg, "touch-required") &&
		    strcasecmp(arg, "verify-required"))
			return bad(v, arg, "none, touch-required or verify-required");
	return NULL;
}

static char *check_logverbose(struct value *v)
{
	for (const char *arg; (arg = next_arg(v));)
		if (!*arg || (!strcasecmp(arg, "none") && v->words->count > 1))
			return mem_printf("\"none\" must stand alone");
	return NULL;
}

static char *check_channels(struct value *v)
{
	for (const char *arg; (arg = next_arg(v));) {
		const char *equals = strchr(arg, '=');
		if (str_eq(arg, "none") && v->words->count == 1)
			return NULL;
		if (!equals || equals == arg ||
		    (sshd_time(equals + 1) < 0 && !str_eq(equals + 1, "none")))
			return bad(v, arg, "a channel type and its time-out");
	}
	return NULL;
}

static char *check_words(struct value *v)
{
	for (const char *arg; (arg = next_arg(v));)
		if (!*arg)
			return mem_printf("an argument is empty");
	return NULL;
}

static char *check_subsystem(struct value *v)
{
	const char *name = next_arg(v), *command = next_arg(v);

	if (!name || !*name)
		return missing();
	if (!command || !*command)
		return mem_printf("the subsystem has no command");
	v->used = v->words->count;
	return NULL;
}

static char *check_rest(struct value *v)
{
	const char *rest = v->words->rest + strspn(v->words->rest, " \t\r\n");

	v->used = v->words->count;
	if (!*rest && v->program->version < 807)
		return missing();
	if (v->keyword->kind == SSHD_COMMAND && *rest != '/' && strcasecmp(rest, "none"))
		return mem_printf("the command is not an absolute path");
	return NULL;
}

static char *check_word(struct value *v)
{
	const char *arg = next_arg(v);

	return !arg || !*arg ? missing() : NULL;
}

static char *check_include(struct value *v)
{
	return v->words->count ? check_words(v) : missing();
}

static char *check_ignored(struct value *v)
{
	v->used = v->words->count;
	return NULL;
}

static char *check_kind(struct value *v)
{
	static const char *const flags[] = { "yes", "no", NULL };

	switch (v->keyword->kind) {
	case SSHD_FLAG:
		return check_choice(v, flags);
	case SSHD_CHOICE:
	case SSHD_EXACT_CHOICE:
		return check_choice(v, v->keyword->choices);
	case SSHD_INT:
	case SSHD_INT_NONE:
		return check_number(v, v->keyword->kind == SSHD_INT_NONE);
	case SSHD_TIME:
	case SSHD_TIME_NONE:
		return check_time(v, v->keyword->kind == SSHD_TIME_NONE);
	case SSHD_PORT:
		return check_port(v);
	case SSHD_LISTEN:
		return check_listen(v);
	case SSHD_WORD:
		return check_word(v);
	case SSHD_WORDS:
		return check_words(v);
	case SSHD_REST:
	case SSHD_COMMAND:
		return check_rest(v);
	case SSHD_CIPHERS:
	case SSHD_MACS:
	case SSHD_KEX:
	case SSHD_KEYALGS:
		return check_algorithms(v);
	case SSHD_SUBSYSTEM:
		return check_subsystem(v);
	case SSHD_MAXSTARTUPS:
		return check_maxstartups(v);
	case SSHD_NETBLOCK:
		return check_netblock(v);
	case SSHD_FACILITY:
		return check_facility(v);
	case SSHD_LOGVERBOSE:
		return check_logverbose(v);
	case SSHD_REKEY:
		return check_rekey(v);
	case SSHD_USERS:
	case SSHD_GROUPS:
		return check_users(v);
	case SSHD_ACCEPTENV:
	case SSHD_SETENV:
		return check_environment(v);
	case SSHD_INCLUDE:
		return check_include(v);
	case SSHD_PERMITOPEN:
		return check_permitopen(v);
	case SSHD_METHODS:
		return check_methods(v);
	case SSHD_MASK:
		return check_mask(v);
	case SSHD_IPQOS:
		return check_ipqos(v);
	case SSHD_PUBKEYOPTIONS:
		return check_pubkey_options(v);
	case SSHD_CHANNELS:
		return check_channels(v);
	case SSHD_RDOMAIN:
		v->used = v->words->count;
		return mem_printf("routing domains are not supported on Linux");
	case SSHD_MATCH:
		v->used = v->words->count;
		return sshd_match_problem(v->words->rest, v->program->version, v->machine);
	case SSHD_ANY:
	case SSHD_IGNORED:
		break;
	}
	return check_ignored(v);
}

char *sshd_value_problem(const struct sshd_keyword *keyword, const struct sshd_words *words,
			 const struct sshd_program *program, const struct machine *machine)
{
	struct value v = { keyword, words, program, machine, 0 };
	char *problem = check_kind(&v);

	if (problem || v.used >= words->count)
		return problem;
	const char *extra = words->args[v.used];
	return mem_printf("%s is too much behind the value",
			  machine_quote(machine, extra, strlen(extra)));
}
