package finding

// The gates, 08x: what refuses a step.
const (
	GateRRsets    Code = "MX080" // an RRset that the plan builds on has moved
	GateWait      Code = "MX081" // a wait of the plan has not run out
	GateDelta     Code = "MX082" // the last complete copy is too old
	GateBalance   Code = "MX083" // messages are missing or in doubt
	GateLogin     Code = "MX084" // an account cannot log in at the target
	GateClock     Code = "MX085" // the clock is behind what was stored
	GateAligned   Code = "MX086" // DMARC alignment is not proved
	GateQuiet     Code = "MX087" // mail still arrives at the old server
	GateReports   Code = "MX088" // nobody knows whether the old server still sends
	GateUndoRight Code = "MX089" // the way back is not prepared
)
