package migrate

// reportsName is the name of the schema in state.db.
const reportsName = "reports"

// reportSchema is what is remembered of DMARC aggregate reports. Rows that
// differ in nothing but their count are one. SQLite and PostgreSQL take the
// same statements; times are seconds since 1970.
var reportSchema = []string{
	`CREATE TABLE report (
		id BIGINT PRIMARY KEY,
		org TEXT NOT NULL,
		domain TEXT NOT NULL,
		report_id TEXT NOT NULL,
		begins BIGINT NOT NULL,
		ends BIGINT NOT NULL,
		email TEXT NOT NULL,
		notes TEXT NOT NULL,
		taken TEXT NOT NULL,
		UNIQUE (org, domain, report_id, begins, ends)
	)`,
	`CREATE TABLE report_row (
		report BIGINT NOT NULL,
		source_ip TEXT NOT NULL,
		header_from TEXT NOT NULL,
		dkim_domain TEXT NOT NULL,
		dkim_selector TEXT NOT NULL,
		dkim_result TEXT NOT NULL,
		spf_domain TEXT NOT NULL,
		spf_result TEXT NOT NULL,
		disposition TEXT NOT NULL,
		dkim_aligned BIGINT NOT NULL,
		spf_aligned BIGINT NOT NULL,
		differs BIGINT NOT NULL,
		messages BIGINT NOT NULL,
		PRIMARY KEY (report, source_ip, header_from, dkim_domain, dkim_selector, dkim_result,
			spf_domain, spf_result, disposition, dkim_aligned, spf_aligned, differs)
	)`,
	`CREATE TABLE report_mark (
		side TEXT NOT NULL,
		account TEXT NOT NULL,
		mailbox TEXT NOT NULL,
		validity BIGINT NOT NULL,
		next_uid BIGINT NOT NULL,
		PRIMARY KEY (side, account, mailbox)
	)`,
	`CREATE TABLE report_tls (
		org TEXT NOT NULL,
		report_id TEXT NOT NULL,
		begins BIGINT NOT NULL,
		ends BIGINT NOT NULL,
		domain TEXT NOT NULL,
		policy TEXT NOT NULL,
		mx TEXT NOT NULL,
		failure TEXT NOT NULL,
		sessions BIGINT NOT NULL,
		PRIMARY KEY (org, report_id, begins, ends, domain, policy, mx, failure)
	)`,
	// Who signed the message that the report came in, empty where nobody did,
	// and how closely identifiers have to match: adkim and aspf.
	`ALTER TABLE report ADD COLUMN signed_by TEXT NOT NULL DEFAULT ''`,
	`ALTER TABLE report ADD COLUMN modes TEXT NOT NULL DEFAULT 'rr'`,
	// The rows again, without a key over all of them: most of the time of
	// reading a large report went into it. A row may stand there twice and
	// counts with both.
	`CREATE TABLE report_entry (
		report BIGINT NOT NULL,
		source_ip TEXT NOT NULL,
		header_from TEXT NOT NULL,
		dkim_domain TEXT NOT NULL,
		dkim_selector TEXT NOT NULL,
		dkim_result TEXT NOT NULL,
		spf_domain TEXT NOT NULL,
		spf_result TEXT NOT NULL,
		disposition TEXT NOT NULL,
		dkim_aligned BIGINT NOT NULL,
		spf_aligned BIGINT NOT NULL,
		differs BIGINT NOT NULL,
		messages BIGINT NOT NULL
	)`,
	`CREATE INDEX report_entry_report ON report_entry (report)`,
	`INSERT INTO report_entry SELECT report, source_ip, header_from, dkim_domain, dkim_selector, dkim_result,
		spf_domain, spf_result, disposition, dkim_aligned, spf_aligned, differs, messages FROM report_row`,
	`DROP TABLE report_row`,
	// The reports again: an address in the report is part of what makes two of
	// them the same, because who signs is held against it. Otherwise a report
	// signed by one organization could take the place of another's.
	`CREATE TABLE report_kept (
		id BIGINT PRIMARY KEY,
		org TEXT NOT NULL,
		domain TEXT NOT NULL,
		report_id TEXT NOT NULL,
		begins BIGINT NOT NULL,
		ends BIGINT NOT NULL,
		email TEXT NOT NULL,
		notes TEXT NOT NULL,
		taken TEXT NOT NULL,
		signed_by TEXT NOT NULL,
		modes TEXT NOT NULL DEFAULT 'rr',
		UNIQUE (org, domain, report_id, begins, ends, email)
	)`,
	`INSERT INTO report_kept SELECT id, org, domain, report_id, begins, ends, email, notes, taken, signed_by, modes FROM report`,
	`DROP TABLE report`,
	`ALTER TABLE report_kept RENAME TO report`,
	// Nobody had asked yet who signed: the mailboxes are read again.
	`DELETE FROM report_mark`,
}
