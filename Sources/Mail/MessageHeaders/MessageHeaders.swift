// MessageHeaders
