// Holds the CRDs that the chart's ServiceMonitor, PodMonitor and PrometheusRule are validated by.
// Nothing of it is built.
module guarded-agent/e2e/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
