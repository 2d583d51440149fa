package mailbox

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// roles are the special uses that a mailbox is paired by, in the order in
// which they are decided.
var roles = []imap.MailboxAttr{
	imap.MailboxAttrSent, imap.MailboxAttrDrafts, imap.MailboxAttrTrash, imap.MailboxAttrJunk, imap.MailboxAttrArchive,
}

// virtual are the special uses whose mailboxes show messages of others: what
// is in them is copied from where it lies.
var virtual = []imap.MailboxAttr{
	imap.MailboxAttrAll, imap.MailboxAttrFlagged, imap.MailboxAttrImportant,
}

// localised are names that clients and servers have given to special
// mailboxes, folded, the likeliest first. They count only where no attribute
// tells: at the top of the hierarchy.
var localised = map[imap.MailboxAttr][]string{
	imap.MailboxAttrSent: {
		"sent", "sent items", "sent messages", "sent mail", "sent-mail", "gesendet", "gesendete elemente",
		"gesendete objekte", "gesendete nachrichten", "envoyés", "éléments envoyés", "messages envoyés",
		"enviados", "elementos enviados", "mensajes enviados", "itens enviados", "posta inviata", "inviata",
		"verzonden", "verzonden items", "verzonden berichten", "wysłane", "elementy wysłane", "skickat", //nolint:misspell // Polish
		"skickade objekt", "sendt", "sendte elementer", "sendt post", "lähetetyt", "odeslaná pošta", "odeslané",
		"отправленные", "відправлені", "送信済み", "送信済みアイテム", "已发送", "已发送邮件", "寄件備份",
	},
	imap.MailboxAttrDrafts: {
		"drafts", "draft", "entwürfe", "brouillons", "borradores", "bozze", "concepten", "rascunhos",
		"kopie robocze", "wersje robocze", "utkast", "kladder", "luonnokset", "koncepty", "rozepsané",
		"черновики", "чернетки", "下書き", "草稿", "草稿箱",
	},
	imap.MailboxAttrTrash: {
		"trash", "deleted items", "deleted messages", "bin", "papierkorb", "gelöschte elemente",
		"gelöschte objekte", "corbeille", "éléments supprimés", "papelera", "elementos eliminados", "lixo",
		"itens excluídos", "lixeira", "cestino", "posta eliminata", "prullenbak", "verwijderde items", "kosz",
		"elementy usunięte", "papperskorgen", "borttagna objekt", "papirkurv", "slettede elementer", //nolint:misspell // Polish
		"slettet post", "roskakori", "poistetut", "koš", "odstraněná pošta", "корзина", "удаленные",
		"кошик", "ゴミ箱", "削除済みアイテム", "已删除邮件", "已删除", "垃圾桶",
	},
	imap.MailboxAttrJunk: {
		"junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "bulk", "junk-e-mail", "werbung",
		"courrier indésirable", "indésirables", "pourriel", "correo no deseado", "posta indesiderata",
		"ongewenste e-mail", "ongewenst", "lixo eletrônico", "lixo electrónico", "wiadomości-śmieci",
		"skräppost", "søppelpost", "uønsket e-post", "uønsket post", "roskaposti", "nevyžádaná pošta",
		"спам", "нежелательная почта", "迷惑メール", "垃圾邮件", "垃圾郵件",
	},
	imap.MailboxAttrArchive: {
		"archive", "archives", "archiv", "archivo", "archivio", "archief", "arquivo", "arquivo morto", "archiwum",
		"arkiv", "arkisto", "архив", "архів", "アーカイブ", "存档",
	},
}

// fold makes names comparable: without case, in one normal form.
func fold(name string) string {
	// A Caser keeps state, so each call has its own.
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
}

// nameRank returns the place of a name in the table of a role, -1 when it is
// not there.
func nameRank(role imap.MailboxAttr, name string) int {
	return slices.Index(localised[role], fold(name))
}

// has reports whether a mailbox bears an attribute; case does not matter.
func has(m Mailbox, attr imap.MailboxAttr) bool {
	return slices.ContainsFunc(m.Attrs, func(a imap.MailboxAttr) bool {
		return strings.EqualFold(string(a), string(attr))
	})
}

// selectable reports whether a mailbox can hold messages.
func selectable(m Mailbox) bool {
	return !has(m, imap.MailboxAttrNoSelect) && !has(m, imap.MailboxAttrNonExistent)
}
