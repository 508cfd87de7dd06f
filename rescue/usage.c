/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rows of command.c look like as usage, as completion and in the manual page. */
#include "base/str.h"
#include "checks/check.h"
#include "rescue/parse.h"

#include <ctype.h>

static void put_options(FILE *out, unsigned groups)
{
	fputs("\nOptions:\n", out);
	for (size_t i = 0; i < option_row_count; i++) {
		cleanup(free) char *left =
			mem_printf("--%s%s%s", option_rows[i].name, option_rows[i].arg ? " " : "",
				   option_rows[i].arg ? option_rows[i].arg : "");

		if (option_rows[i].groups & groups)
			fprintf(out, "  %-24s %s\n", left, option_rows[i].help);
	}
}

static void put_command(FILE *out, const struct command *command)
{
	fprintf(out, "  %-12s %-24s %s\n", command->name, command->args, command->help);
}

bool print_family(FILE *out, const char *word)
{
	bool is_family = false;

	for (size_t i = 0; i < command_count; i++) {
		if (!str_starts(commands[i].name, word) || commands[i].name[strlen(word)] != ' ')
			continue;
		if (!is_family)
			fprintf(out, "usage: ec2-rescue %s COMMAND [OPTIONS] ...\n\n", word);
		is_family = true;
		put_command(out, &commands[i]);
	}
	if (is_family)
		fprintf(out, "\nOptions: ec2-rescue %s COMMAND --help\n", word);
	return is_family;
}

void print_usage(FILE *out, const struct command *command)
{
	if (command) {
		fprintf(out, "usage: ec2-rescue %s [OPTIONS] %s\n%s\n", command->name,
			command->args, command->help);
		put_options(out, command->options);
		return;
	}
	fputs("usage: ec2-rescue INSTANCE-ID...\n       ec2-rescue COMMAND [OPTIONS] ...\n\n"
	      "Brings back an EC2 Linux instance that cannot be reached: stops it, repairs its "
	      "root volume,\n"
	      "puts the volume back, starts it, and shows that it answers. Nothing is lost on the "
	      "way.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < command_count; i++)
		put_command(out, &commands[i]);
	put_options(out, ~0u);
	fputs("\nExit status: 0 healthy or rescued, 1 faults found or remaining, 2 usage, others "
	      "in ec2-rescue(8).\n",
	      out);
}

/* The names of the commands as they are typed one word after the other: the first words, or, behind a family's name,
 * the second ones. Each once. */
static void put_words(FILE *out, const char *family, const char *between)
{
	size_t len = family ? strlen(family) : 0;
	const char *last = "";
	bool is_first = true;

	for (size_t i = 0; i < command_count; i++) {
		const char *name = commands[i].name;
		size_t first = strcspn(name, " ");

		if (family && (first != len || strncmp(name, family, len) || !name[len]))
			continue;
		if (!family && strlen(last) >= first && !strncmp(last, name, first) &&
		    strcspn(last, " ") == first)
			continue;
		last = name;
		fprintf(out, "%s%.*s", is_first ? "" : between, (int)(family ? 100 : first),
			family ? name + len + 1 : name);
		is_first = false;
	}
}

static void put_families(FILE *out)
{
	cleanup(free) char *last = NULL;

	for (size_t i = 0; i < command_count; i++) {
		size_t first = strcspn(commands[i].name, " ");
		char *family =
			commands[i].name[first] ? mem_strndup(commands[i].name, first) : NULL;

		if (!family || (last && str_eq(last, family))) {
			free(family);
			continue;
		}
		free(last);
		last = family;
		fprintf(out, "\t%s) command=\"$command ${COMP_WORDS[at + 1]}\"; words='", family);
		put_words(out, family, " ");
		fputs("' ;;\n", out);
	}
}

void print_completion(FILE *out)
{
	fputs("# bash completion for ec2-rescue; made by `ec2-rescue completion`\n"
	      "_ec2_rescue() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} at command=rescue options words=\n"
	      "\tfor ((at = 1; at < COMP_CWORD; at++)); do\n"
	      "\t\tcase ${COMP_WORDS[at]} in ",
	      out);
	put_words(out, NULL, "|");
	fputs(") command=${COMP_WORDS[at]}; break ;; esac\n\tdone\n\tcase $command in\n", out);
	put_families(out);
	fputs("\tesac\n\tcase $command in\n", out);
	for (size_t i = 0; i < command_count; i++) {
		fprintf(out, "\t'%s') options='--help", commands[i].name);
		for (size_t k = 0; k < option_row_count; k++)
			if (option_rows[k].groups & commands[i].options)
				fprintf(out, " --%s", option_rows[k].name);
		fputs("' ;;\n", out);
	}
	fputs("\tesac\n\tif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W "
	      "\"$options\" -- \"$cur\")\n"
	      "\telif [ \"$words\" ] && [ \"$COMP_CWORD\" = $((at + 1)) ]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "\telif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '",
	      out);
	put_words(out, NULL, " ");
	fputs("' -- \"$cur\")\n\telse\n\t\tmapfile -t COMPREPLY < <(compgen -f -- "
	      "\"$cur\")\n\tfi\n}\n"
	      "complete -o filenames -F _ec2_rescue ec2-rescue\n",
	      out);
}

/* mdoc(7): a backslash is an escape, a line must not begin with a dot or an apostrophe, and a new
 * sentence begins a new line. */
static void put_mdoc(FILE *out, const char *text)
{
	bool is_line_start = true;

	for (const char *p = text; *p; p++) {
		bool ends_sentence = p > text && strchr(".?!", p[-1]) && *p == ' ' &&
				     (isupper((unsigned char)p[1]) || p[1] == '`' || p[1] == '/');

		if (ends_sentence || *p == '\n') {
			fputc('\n', out);
			is_line_start = true;
			continue;
		}
		if (is_line_start && *p == ' ')
			continue;
		if (is_line_start && (*p == '.' || *p == '\''))
			fputs("\\&", out);
		if (*p == '\\')
			fputs("\\e", out);
		else if (*p == '-')
			fputs("\\-", out);
		else
			fputc(*p, out);
		is_line_start = false;
	}
}

static void put_item(FILE *out, const char *macro, const char *name, const char *arg,
		     const char *text)
{
	fprintf(out, ".It %s %s%s%s\n", macro, name, arg && *arg ? " Ar " : "", arg ? arg : "");
	put_mdoc(out, text);
	fputc('\n', out);
}

static void manual_commands(FILE *out)
{
	for (size_t i = 0; i < command_count; i++)
		put_item(out, "Cm", commands[i].name, commands[i].args, commands[i].help);
}

static void manual_options(FILE *out)
{
	for (size_t i = 0; i < option_row_count; i++) {
		cleanup(free) char *name = mem_printf("\\-\\-%s", option_rows[i].name);

		put_item(out, "Li", name, option_rows[i].arg, option_rows[i].help);
	}
}

static void manual_exit_status(FILE *out)
{
	fputs(".It Li 0\nhealthy, repaired or rescued\n.It Li 1\nfaults found or remaining\n", out);
#define STATUS_ROW(code, status, meaning) fprintf(out, ".It Li %d\n%s\n", status, meaning);
	ERR_CODES(STATUS_ROW)
#undef STATUS_ROW
}

static void manual_checks(FILE *out)
{
	for (size_t i = 0; i < check_count; i++) {
		fprintf(out, ".Ss %s\n", checks[i]->name);
		put_mdoc(out, checks[i]->explain);
		fprintf(out, "\n.Pp\nRows %s; repair: %s; looks at: tree", checks[i]->rows,
			repair_class_name(checks[i]->repair));
		for (size_t n = 1; check_need_name(n); n++)
			if (checks[i]->needs >> n & 1)
				fprintf(out, ", %s", check_need_name(n));
		fputs(".\nSource: ", out);
		put_mdoc(out, checks[i]->source);
		fputs(".\n", out);
	}
	if (uncovered_count)
		fputs(".Ss Not covered\n", out);
	for (size_t i = 0; i < uncovered_count; i++) {
		fprintf(out, "%sRow %u: ", i ? ".br\n" : "", uncovered[i].row);
		put_mdoc(out, uncovered[i].why);
		fputs(".\n", out);
	}
}

int print_manual(FILE *out, const char *part, struct err *err)
{
	static const struct {
		const char *name;
		void (*print)(FILE *);
	} parts[] = {
		{ "commands", manual_commands },
		{ "options", manual_options },
		{ "exit-status", manual_exit_status },
		{ "checks", manual_checks },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (str_eq(parts[i].name, part)) {
			parts[i].print(out);
			return 0;
		}
	return err_set(err, ERR_USAGE, "the manual has no part \"%s\"", part);
}
