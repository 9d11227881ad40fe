package image

// nearest names the recipe whose name is closest to ref, or nothing when none is close.
func nearest(ref Ref, all []Recipe) string {
	best, name := len(ref.Name)/3+1, ""
	for _, r := range all {
		n := full(r.Name)
		d := distance(ref.Name, n)
		if n == ref.Name {
			// Same name, other tags: say which.
			if len(r.Tags) > 0 {
				return n + ":" + r.Tags[0]
			}
			continue
		}
		if d < best {
			best, name = d, n
		}
	}
	return name
}

// distance counts the edits between two strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
