"""The journey: one public function per file, same verbs as the DAGs."""
