// What stands in for oc-mirror on the cluster of the tests: it mirrors nothing, and minds what oc-mirror minds.
module oc-mirror

go 1.25.0
