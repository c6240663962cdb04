package sqltest_test

const envVictim = "SQLTEST_VICTIM"

func victim() int { return 0 }
