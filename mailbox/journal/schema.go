package journal

// Schema is the ordered list of migrations: whoever opens the database
// applies each once, in this order, and remembers how many it has applied.
// A change of the schema is a further element, never an edit of an old one.
// SQLite and PostgreSQL take the same statements.
//
// The two servers are called old and new, whatever the direction of a run,
// so that a message copied to the new server is known on the way back.
var Schema = []string{
	`CREATE TABLE copy_pair (
		id BIGINT PRIMARY KEY,
		account TEXT NOT NULL,
		old_mailbox TEXT NOT NULL,
		new_mailbox TEXT NOT NULL,
		UNIQUE (account, old_mailbox, new_mailbox)
	)`,
	`CREATE TABLE copy_run (
		pair BIGINT NOT NULL,
		old_validity BIGINT NOT NULL,
		new_validity BIGINT NOT NULL,
		old_uid BIGINT NOT NULL,
		new_uid BIGINT NOT NULL,
		messages BIGINT NOT NULL,
		outcome TEXT NOT NULL,
		PRIMARY KEY (pair, old_validity, new_validity, old_uid, new_uid)
	)`,
	`CREATE TABLE copy_intent (
		id BIGINT PRIMARY KEY,
		pair BIGINT NOT NULL,
		reverse BIGINT NOT NULL,
		source_validity BIGINT NOT NULL,
		target_validity BIGINT NOT NULL,
		look BIGINT NOT NULL,
		stored BIGINT NOT NULL,
		made TEXT NOT NULL,
		messages TEXT NOT NULL
	)`,
	`CREATE TABLE copy_look (
		pair BIGINT NOT NULL,
		reverse BIGINT NOT NULL,
		source_validity BIGINT NOT NULL,
		target_validity BIGINT NOT NULL,
		known BIGINT NOT NULL,
		inventory BIGINT NOT NULL,
		flags TEXT NOT NULL,
		PRIMARY KEY (pair, reverse, source_validity, target_validity)
	)`,
	`CREATE TABLE copy_refusal (
		pair BIGINT NOT NULL,
		reverse BIGINT NOT NULL,
		source_validity BIGINT NOT NULL,
		uid BIGINT NOT NULL,
		size BIGINT NOT NULL,
		reason TEXT NOT NULL,
		file TEXT NOT NULL,
		PRIMARY KEY (pair, reverse, source_validity, uid)
	)`,
	`CREATE TABLE copy_doubt (
		pair BIGINT NOT NULL,
		reverse BIGINT NOT NULL,
		target_validity BIGINT NOT NULL,
		audits BIGINT NOT NULL,
		size BIGINT NOT NULL,
		date TEXT NOT NULL,
		header TEXT NOT NULL
	)`,
	`CREATE TABLE copy_rest (
		pair BIGINT NOT NULL,
		reverse BIGINT NOT NULL,
		source_validity BIGINT NOT NULL,
		target_validity BIGINT NOT NULL,
		mark TEXT NOT NULL,
		note TEXT NOT NULL,
		PRIMARY KEY (pair, reverse)
	)`,
	`CREATE TABLE copy_repair (
		pair BIGINT NOT NULL,
		reverse BIGINT NOT NULL,
		source_validity BIGINT NOT NULL,
		uid BIGINT NOT NULL,
		what TEXT NOT NULL,
		reason TEXT NOT NULL,
		file TEXT NOT NULL,
		listed BIGINT NOT NULL,
		PRIMARY KEY (pair, reverse, source_validity, uid)
	)`,
	`CREATE TABLE copy_rename (
		account TEXT NOT NULL,
		old_mailbox TEXT NOT NULL,
		new_mailbox TEXT NOT NULL,
		PRIMARY KEY (account, old_mailbox)
	)`,
	`CREATE TABLE copy_sent (
		account TEXT NOT NULL,
		sent_hour BIGINT NOT NULL,
		octets BIGINT NOT NULL,
		PRIMARY KEY (account, sent_hour)
	)`,
	`CREATE TABLE copy_pause (
		account TEXT PRIMARY KEY,
		until BIGINT NOT NULL,
		span BIGINT NOT NULL,
		why TEXT NOT NULL
	)`,
}
