package spf

// A Lookup asks the DNS for the records of a name and type in presentation
// form. No records and no error means that there are none; an error means
// that it was not measured, never that there is nothing.
type Lookup func(name string, typ uint16) (rrs []string, err error)
