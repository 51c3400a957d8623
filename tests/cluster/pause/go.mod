// The process that holds a pod's namespaces: waits for a signal, and does nothing else.
module pause

go 1.25.0
