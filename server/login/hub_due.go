package login

// dueQueue is a heap of topics, the earliest first.
type dueQueue[K ~string, R any] []*topic[K, R]

func (q dueQueue[K, R]) Len() int           { return len(q) }
func (q dueQueue[K, R]) Less(i, j int) bool { return q[i].due < q[j].due }
func (q dueQueue[K, R]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *dueQueue[K, R]) Push(x any) {
	t := x.(*topic[K, R])
	t.place = len(*q)
	*q = append(*q, t)
}

func (q *dueQueue[K, R]) Pop() any {
	old := *q
	last := len(old) - 1
	t := old[last]
	old[last] = nil
	*q = old[:last]
	t.place = -1
	return t
}
