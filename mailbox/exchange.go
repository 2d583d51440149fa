package mailbox

// noMail are the names, folded, of mailboxes at the top of an Exchange that
// hold no mail: calendar, contacts, tasks, notes, journal, conversation
// history, outbox, and what its own synchronisation has to say. They are in
// the language in which the account was first used. Elsewhere they are names
// like any other.
var noMail = []string{
	"calendar", "contacts", "tasks", "notes", "journal", "outbox", "conversation history", "sync issues", "files",
	"rss feeds", "rss subscriptions", "suggested contacts", "yammer root", "conversation action settings", "quick step settings",

	// German
	"kalender", "kontakte", "aufgaben", "notizen", "postausgang", "aufgezeichnete unterhaltungen", "unterhaltungsverlauf",
	"synchronisierungsprobleme", "dateien", "rss-feeds", "rss-abonnements", "vorgeschlagene kontakte",
	// French
	"calendrier", "tâches", "boîte d'envoi", "boîte d’envoi", "historique des conversations",
	"problèmes de synchronisation", "fichiers", "flux rss",
	// Spanish, Portuguese, Italian
	"calendario", "contactos", "tareas", "notas", "diario", "bandeja de salida", "historial de conversaciones", //nolint:misspell // Spanish
	"historial de conversación", "problemas de sincronización", "archivos", "fuentes rss", //nolint:misspell // Spanish
	"calendário", "contatos", "tarefas", "anotações", "diário", "caixa de saída", "histórico de conversa",
	"histórico de conversações", "ficheiros", "arquivos",
	"contatti", "attività", "note", "posta in uscita", "cronologia conversazioni", "problemi di sincronizzazione", "file", "feed rss",
	// Dutch
	"agenda", "contactpersonen", "taken", "notities", "logboek", "postvak uit", "gespreksgeschiedenis",
	"synchronisatieproblemen", "bestanden",
	// Danish, Norwegian, Swedish, Finnish
	"kontakter", "kontaktpersoner", "opgaver", "noter", "udbakke", "samtalehistorik", "synkroniseringsproblemer", "filer",
	"oppgaver", "notater", "utboks", "samtalelogg", "kalendern", "uppgifter", "anteckningar", "utkorgen", "utkorg",
	"konversationshistorik", "synkroniseringsproblem", "kalenteri", "yhteystiedot", "tehtävät", "muistiinpanot",
	"päiväkirja", "lähtevät", "keskusteluhistoria", "synkronointiongelmat", "tiedostot",
	// Polish, Czech
	"kalendarz", "kontakty", "zadania", "notatki", "dziennik", "skrzynka nadawcza", "historia konwersacji",
	"problemy z synchronizacją", "pliki", "kalendář", "úkoly", "poznámky", "deník", "pošta k odeslání",
	"historie konverzací", "problémy se synchronizací", "soubory",
	// Russian, Ukrainian
	"календарь", "контакты", "задачи", "заметки", "дневник", "исходящие", "журнал бесед", "ошибки синхронизации", "файлы",
	"календар", "контакти", "завдання", "нотатки", "журнал", "вихідні", "історія розмов", "проблеми синхронізації", "файли",
	// Japanese, Chinese
	"予定表", "連絡先", "タスク", "仕事", "メモ", "履歴", "送信トレイ", "会話の履歴", "同期の失敗", "ファイル",
	"日历", "联系人", "任务", "便笺", "日记", "发件箱", "对话历史记录", "同步问题", "文件",
	"行事曆", "連絡人", "工作", "記事", "日誌", "寄件匣", "交談記錄", "同步處理問題", "檔案",
}
